"""Sources as the classes of one."""

import numpy as np
import pytest
from PIL import Image

from gan_jax.data import ArraySource, DataError, make_pipeline, open_source
from gan_jax.data.domains import Domains
from gan_jax.data.sources import split_spec


def source(n, value, side=4, channels=1):
    image = np.full((n, side, side, channels), value, np.uint8)
    image[:, 0, 0, 0] = np.arange(n)
    return ArraySource(f"of {value}", image, np.arange(n) % 2)


def test_examples_follow_one_another_and_are_labelled_by_domain():
    both = Domains([source(3, 7), source(2, 9), source(4, 8)], "three")
    assert (len(both), both.num_classes) == (9, 3)
    assert both.labels.tolist() == [0, 0, 0, 1, 1, 2, 2, 2, 2]
    assert both.class_names == ("of 7", "of 9", "of 8")
    for index, label in enumerate(both.labels):
        element = both[index]
        assert element["label"] == label
        np.testing.assert_array_equal(element["image"], both.arrays["image"][index])
    assert [both[i]["image"][0, 0, 0] for i in range(9)] == [0, 1, 2, 0, 1, 0, 1, 2, 3]
    assert both.element_name(4) == "of 9[1]"
    other = Domains([source(3, 7), source(2, 9), source(4, 6)], "three")
    assert both.fingerprint() != other.fingerprint()


def test_domains_of_other_sizes_are_brought_to_one_shape():
    mixed = Domains([source(3, 7, side=4), source(3, 9, side=8)], "two")
    assert mixed.arrays is None
    pipeline = make_pipeline(mixed, image_shape=(4, 4, 1), batch_size=6, seed=0)
    batch = pipeline.rounds(0, 1)
    assert sorted(batch["label"][0].tolist()) == [0, 0, 0, 1, 1, 1]
    shown = batch["image"][0, :, 3, 3, 0]
    np.testing.assert_array_equal(shown, np.where(batch["label"][0] == 0, 7, 9))


def test_a_text_names_them(tmp_path):
    for name, value in (("a+b", 10), ("c", 20)):
        folder = tmp_path / name
        folder.mkdir()
        Image.fromarray(np.full((4, 4, 3), value, np.uint8)).save(folder / "x.png")
    spec = f"domains:folder:{tmp_path}/a+b+folder:{tmp_path}/c"
    both = open_source(spec)
    assert [int(both[i]["image"][0, 0, 0]) for i in range(2)] == [10, 20]
    emoji = "domains:builtin:emoji_google+builtin:emoji_twitter"
    styles = open_source(emoji)
    assert (len(styles), styles.num_classes) == (2 * 1666, 2)
    assert split_spec(emoji, "test") == (
        "domains:builtin:emoji_google:test+builtin:emoji_twitter:test"
    )
    assert len(open_source(split_spec(emoji, "test"))) == 2 * 209


@pytest.mark.parametrize(
    ("sources", "said"),
    [
        ([source(3, 7)], "two: domains are two sources or more, joined by '+'"),
        ([source(3, 7), source(0, 9)], "of 9 holds no examples; a domain needs some"),
        (
            [source(3, 7), source(3, 9, channels=3)],
            "domains differ in kind: of 7 holds (4, 4, 1), of 9 holds (4, 4, 3)",
        ),
    ],
)
def test_what_is_no_domain_is_refused(sources, said):
    with pytest.raises(DataError) as error:
        Domains(sources, "two")
    assert str(error.value).startswith(said)
    assert "\n" not in str(error.value)
