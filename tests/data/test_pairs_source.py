"""Pairs of images: who belongs to whom, and what happens to both."""

import numpy as np
import pytest
from PIL import Image

from gan_jax.data import (
    ArraySource,
    DataError,
    ImageTransform,
    make_pipeline,
    open_source,
)
from gan_jax.data.pairs import Pairs
from gan_jax.data.sources import split_spec


def save(folder, **values):
    """PNG files of one value each, 4 x 4 x 3, by name."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, value in values.items():
        Image.fromarray(np.full((4, 4, 3), value, np.uint8)).save(folder / f"{name}.png")


def values(source):
    """The first pixel's channels of every example."""
    return [source[i]["image"][0, 0].tolist() for i in range(len(source))]


def test_files_are_matched_by_name(tmp_path):
    save(tmp_path / "a", one=1, three=3, two=2)
    save(tmp_path / "b", one=11, two=12, three=13)
    (tmp_path / "b" / "two.png").rename(tmp_path / "b" / "two.webp")
    pairs = open_source(f"pairs:folder:{tmp_path}/a+folder:{tmp_path}/b")
    assert values(pairs) == [[n] * 3 + [n + 10] * 3 for n in (1, 3, 2)]
    assert pairs.element_name(1) == str(tmp_path / "a" / "three.png")
    pipeline = make_pipeline(pairs, image_shape=(4, 4, 6), batch_size=3, seed=0)
    image = pipeline.rounds(0, 1)["image"][0]
    np.testing.assert_array_equal(image[..., :3] + 10, image[..., 3:])


def test_a_missing_partner_is_named(tmp_path):
    save(tmp_path / "a", one=1, two=2)
    save(tmp_path / "b", one=11)
    spec = f"pairs:folder:{tmp_path}/a+folder:{tmp_path}/b"
    with pytest.raises(DataError, match=r"'two' of folder:.*/a have no partner in"):
        open_source(spec)
    save(tmp_path / "b", two=2, four=4, five=5)
    with pytest.raises(
        DataError, match=r"'five' and 1 more of folder:.*/b have no partner"
    ):
        open_source(spec)
    Image.new("RGB", (4, 4)).save(tmp_path / "a" / "one.jpg")
    with pytest.raises(DataError, match="/a has 2 examples called 'one'; pairs need one"):
        open_source(spec)


def test_halves_of_an_image_are_a_pair(tmp_path):
    image = np.zeros((4, 8, 3), np.uint8)
    image[:, 4:] = 9
    Image.fromarray(image).save(tmp_path / "x.png")
    pairs = open_source(f"pairs:folder:{tmp_path}")
    assert pairs[0]["image"].shape == (4, 4, 6)
    assert values(pairs) == [[0, 0, 0, 9, 9, 9]]
    Image.new("RGB", (7, 4)).save(tmp_path / "x.png")
    with pytest.raises(DataError, match=r"x\.png is 7 pixels wide"):
        open_source(f"pairs:folder:{tmp_path}")[0]


def test_columns_of_an_archive_are_pairs(tmp_path):
    image = np.arange(3, dtype=np.uint8).reshape(3, 1, 1, 1) * np.ones(
        (1, 4, 4, 1), np.uint8
    )
    arrays = {"image": image, "target": image + 10, "label": np.arange(3)}
    held = {"image_test": image + 1, "target_test": image + 20}
    np.savez(tmp_path / "p.npz", **arrays, **held)
    spec = f"pairs:npz:{tmp_path}/p.npz"
    pairs = open_source(spec)
    assert values(pairs) == [[0, 10], [1, 11], [2, 12]]
    assert (pairs.num_classes, pairs.labels.tolist()) == (3, [0, 1, 2])
    assert values(open_source(split_spec(spec, "test"))) == [[1, 20], [2, 21], [3, 22]]
    np.savez(tmp_path / "p.npz", image=image)
    with pytest.raises(DataError, match="needs an array named target or targets"):
        open_source(spec)


def test_emoji_are_matched_by_code_point():
    spec = "pairs:builtin:emoji_google+builtin:emoji_fluent"
    pairs = open_source(spec)
    google, fluent = (
        open_source(f"builtin:emoji_{style}") for style in ("google", "fluent")
    )
    assert len(pairs) == len(fluent)
    row = google.keys.index(fluent.keys[7])
    both = pairs.arrays["image"][list(pairs.labels).index(google.labels[row])]
    assert both.shape == (64, 64, 6)
    found = (pairs.arrays["image"][..., 3:] == fluent.arrays["image"][7]).all((1, 2, 3))
    np.testing.assert_array_equal(
        pairs.arrays["image"][found][0, ..., :3], google.arrays["image"][row]
    )
    lines = open_source("pairs:builtin:openmoji_lines+builtin:openmoji_color")
    assert lines.arrays["image"].shape[1:] == (64, 64, 4)


def test_flips_and_crops_are_of_both():
    image = np.random.default_rng(0).integers(0, 200, (6, 8, 8, 1), np.uint8)
    pairs = Pairs(ArraySource("a", image), ArraySource("b", image + 50), "pairs")
    transform = ImageTransform(resize="none", random_crop=True, flip=True)
    pipeline = make_pipeline(
        pairs, image_shape=(5, 5, 2), batch_size=6, seed=1, transform=transform
    )
    found = pipeline.rounds(0, 4)["image"]
    np.testing.assert_array_equal(found[..., 0] + 50, found[..., 1])
    windows = np.lib.stride_tricks.sliding_window_view(image[..., 0], (5, 5), (1, 2))
    known = {window.tobytes() for window in windows.reshape(-1, 5, 5)}
    crops = found[..., 0].reshape(-1, 5, 5)
    plain = [crop.tobytes() in known for crop in crops]
    mirrored = [np.ascontiguousarray(crop[:, ::-1]).tobytes() in known for crop in crops]
    assert [not each for each in plain] == mirrored
    assert set(plain) == {True, False}


@pytest.mark.parametrize(
    ("second", "said"),
    [
        (np.zeros((2, 4, 4, 1), np.uint8), "a holds 3 examples, b 2; pairs need as many"),
        (np.zeros((3, 8, 4, 1), np.uint8), "images of a pair have one size"),
    ],
)
def test_unlike_sources_are_no_pairs(second, said):
    first = ArraySource("a", np.zeros((3, 4, 4, 1), np.uint8))
    with pytest.raises(DataError, match=said):
        Pairs(first, ArraySource("b", second), "pairs")


def test_a_single_source_of_another_kind_is_no_pair():
    with pytest.raises(DataError, match="pairs are of two sources joined by"):
        open_source("pairs:builtin:mnist")
