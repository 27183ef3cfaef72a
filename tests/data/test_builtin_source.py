"""The data sets that come with the package."""

import hashlib

import numpy as np
import pytest

from gan_jax.data import DataError, open_source


def test_mnist_has_the_canonical_content():
    train, test = open_source("builtin:mnist"), open_source("builtin:mnist:test")
    assert train.arrays["image"].shape == (60000, 28, 28, 1)
    assert test.arrays["image"].shape == (10000, 28, 28, 1)
    # Published class counts of the original files.
    assert np.bincount(train.labels).tolist() == [
        5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949,
    ]  # fmt: skip
    assert np.bincount(test.labels).tolist() == [
        980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009,
    ]  # fmt: skip
    # Published mean of the training pixels, as a fraction of 255.
    np.testing.assert_allclose(train.arrays["image"].mean() / 255, 0.1307, atol=5e-5)
    assert (train.num_classes, train.class_names[7]) == (10, "7")


@pytest.mark.parametrize("style", ["google", "twitter"])
def test_emoji_splits_cover_the_set(style):
    name = f"builtin:emoji_{style}"
    train, test, whole = (open_source(f"{name}:{s}") for s in ("train", "test", "all"))
    assert (len(train), len(test), len(whole)) == (1666, 209, 1875)
    assert whole.arrays["image"].shape == (1875, 64, 64, 3)
    assert np.bincount(whole.labels).tolist() == [
        85, 159, 5, 270, 131, 264, 350, 169, 224, 218,
    ]  # fmt: skip
    assert whole.class_names[3] == "Flags"

    def rows(source):
        return sorted(
            hashlib.sha256(image.tobytes()).digest() for image in source.arrays["image"]
        )

    assert sorted(rows(train) + rows(test)) == rows(whole)


def test_equal_rows_of_the_two_styles_show_the_same_thing():
    google, twitter = (
        open_source("builtin:emoji_google"),
        open_source("builtin:emoji_twitter"),
    )
    np.testing.assert_array_equal(google.labels, twitter.labels)
    # Distances of small grey pictures: a row is nearer its partner than a shifted one.
    small = [
        s.arrays["image"]
        .reshape(-1, 8, 8, 8, 8, 3)
        .mean(axis=(2, 4, 5))
        .reshape(len(s), -1)
        for s in (google, twitter)
    ]
    paired = np.square(small[0] - small[1]).mean(axis=1)
    shifted = np.square(small[0] - np.roll(small[1], 500, axis=0)).mean(axis=1)
    # Rows that had nothing to do with each other would give one half.
    np.testing.assert_allclose((paired < shifted).mean(), 0.882, atol=0.001)


def test_shared_arrays_are_read_only():
    with pytest.raises(ValueError, match="read-only"):
        open_source("builtin:mnist").arrays["image"][0] = 0


def test_wrong_names_list_the_choices():
    with pytest.raises(
        DataError, match="'mnst'; did you mean 'mnist'\\? Choices: emoji_fluent,"
    ):
        open_source("builtin:mnst")
    with pytest.raises(DataError, match=r"unknown split of builtin:mnist 'tst'.*'test'"):
        open_source("builtin:mnist:tst")


def test_fluent_emoji_are_rows_of_the_pairs_in_a_third_style():
    fluent = open_source("builtin:emoji_fluent:all")
    assert fluent.arrays["image"].shape == (1563, 64, 64, 3)
    train, test = (open_source(f"builtin:emoji_fluent:{s}") for s in ("train", "test"))
    assert len(train) + len(test) == 1563
    assert (fluent.num_classes, fluent.class_names[0]) == (10, "Activities")


def test_openmoji_lines_are_the_outlines_of_its_colours():
    lines, colour = (open_source(f"builtin:openmoji_{kind}") for kind in ("lines", "color"))
    assert lines.arrays["image"].shape[1:] == (64, 64, 1)
    assert colour.arrays["image"].shape[1:] == (64, 64, 3)
    np.testing.assert_array_equal(lines.labels, colour.labels)
    # Where a drawing has a black line, its colouring is dark.
    black = lines.arrays["image"][..., 0] < 30
    dark = colour.arrays["image"].mean(axis=-1)
    assert dark[black].mean() < 40 < 150 < dark[~black].mean()


def test_photos_are_patches_of_photographs_and_some_are_held_out():
    train, test = (open_source(f"builtin:photos:{s}") for s in ("train", "test"))
    assert train.arrays["image"].shape[1:] == test.arrays["image"].shape[1:] == (96, 96, 3)
    assert train.class_names == test.class_names
    held = {train.class_names[i] for i in np.unique(test.labels)}
    assert held == {"china", "gravel", "hubble"}
    assert not held & {train.class_names[i] for i in np.unique(train.labels)}
    # china: 427 x 640 has 4 x 6 whole squares of 96; brick: 512 x 512 has 9 x 9 at 48.
    assert (test.labels == test.class_names.index("china")).sum() == 24
    assert (train.labels == train.class_names.index("brick")).sum() == 81
    first = train.arrays["image"][train.labels == train.class_names.index("brick")]
    np.testing.assert_array_equal(first[0][:, 48:], first[1][:, :48])


@pytest.mark.parametrize("style", ["emoji_google", "emoji_fluent", "openmoji_lines"])
def test_halves_of_pictures_have_none_in_common(style):
    parts = {
        s: open_source(f"builtin:{style}:{s}") for s in ("train", "train_a", "train_b")
    }
    first, second = (
        {key.split("-")[0] for key in parts[half].keys} for half in ("train_a", "train_b")
    )
    assert not first & second
    assert sorted(parts["train_a"].keys + parts["train_b"].keys) == sorted(
        parts["train"].keys
    )
    assert 0.4 < len(parts["train_a"]) / len(parts["train"]) < 0.6


def test_halves_are_the_same_in_every_style():
    google, twitter = (
        open_source(f"builtin:emoji_{style}:train_a") for style in ("google", "twitter")
    )
    assert google.keys == twitter.keys
    other = open_source("builtin:emoji_twitter:train_b")
    assert not set(google.keys) & set(other.keys)
