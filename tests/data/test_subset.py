"""Chosen examples of a source, and as many of each class."""

import pickle

import numpy as np
import pytest

from gan_jax.data import ArraySource, DataError, ImageSource, open_source
from gan_jax.data.checks import check
from gan_jax.data.errors import UnreadableImageError
from gan_jax.data.subset import Subset, balanced

IMAGES = np.arange(30 * 2 * 3, dtype=np.uint8).reshape(30, 2, 3, 1)
LABELS = np.arange(30) % 3
NAMES = ("a", "b", "c")
WHOLE = ArraySource("whole", IMAGES, LABELS, class_names=NAMES)


class Drawn:
    """The same examples, read one by one, with labels that only reading tells."""

    name, num_classes, class_names = "drawn", 3, NAMES

    def __init__(self, broken=(), labels=LABELS):
        self.broken, self.known, self.read = broken, labels, []

    def __len__(self):
        return len(IMAGES)

    def __getitem__(self, index):
        self.read.append(index)
        if index in self.broken:
            raise UnreadableImageError(f"{index} is broken")
        return {"image": IMAGES[index], "label": int(self.known[index])}

    def element_name(self, index):
        return f"picture {index}"

    def fingerprint(self):
        return "drawn"


def test_chosen_examples_of_arrays():
    part = Subset(WHOLE, [7, 2, 7, 20])
    assert isinstance(part, ImageSource)
    assert (len(part), part.name) == (4, "4 examples of whole")
    assert (part.num_classes, part.class_names) == (3, NAMES)
    np.testing.assert_array_equal(part.arrays["image"], IMAGES[[7, 2, 7, 20]])
    np.testing.assert_array_equal(part.arrays["label"], [1, 2, 1, 2])
    np.testing.assert_array_equal(part.labels, [1, 2, 1, 2])
    np.testing.assert_array_equal(part[3]["image"], IMAGES[20])
    assert (part[3]["label"], type(part[3]["label"])) == (2, int)
    assert [part.element_name(i) for i in range(4)] == [
        "whole[7]", "whole[2]", "whole[7]", "whole[20]"
    ]  # fmt: skip
    assert part.header is None


def test_chosen_examples_of_files(make_folder):
    path, written = make_folder({"a": 2, "b": 3}, shape=(6, 8, 3))
    source = open_source(f"folder:{path}")
    part = pickle.loads(pickle.dumps(Subset(source, [4, 1], name="two")))
    assert (part.name, part.arrays, part.class_names) == ("two", None, ("a", "b"))
    np.testing.assert_array_equal(part.labels, [1, 0])
    np.testing.assert_array_equal(part[0]["image"], written["b/02.png"])
    assert part.element_name(1) == str(path / "a" / "01.png")
    assert part.header(0) == (6, 8, 3)
    check(part, image_shape=(6, 8, 3), num_classes=2)
    (path / "b" / "02.png").write_bytes(b"broken")
    with pytest.raises(UnreadableImageError, match=r"b/02\.png"):
        check(part, image_shape=(6, 8, 3))


def test_what_the_source_does_not_have_the_subset_has_not():
    part = Subset(Drawn(), [3])
    assert (part.arrays, part.labels, part.header) == (None, None, None)
    assert Subset(part, [0]).header is None
    plain = Subset(ArraySource("plain", IMAGES), [3])
    assert (plain.num_classes, plain.class_names, plain.labels) == (None, None, None)
    assert set(plain[0]) == set(plain.arrays) == {"image"}


def test_a_subset_of_a_subset():
    part = Subset(Subset(WHOLE, [5, 9, 11]), [2, 0])
    np.testing.assert_array_equal(part.arrays["image"], IMAGES[[11, 5]])
    assert part.element_name(0) == "whole[11]"


def test_fingerprint_is_of_the_source_and_the_choice():
    base = Subset(WHOLE, [1, 2]).fingerprint()
    same = ArraySource("other", IMAGES.copy(), LABELS.copy())
    assert base == Subset(same, np.array([1, 2]), name="mine").fingerprint()
    changed = ArraySource("whole", IMAGES[::-1].copy(), LABELS)
    parts = [Subset(WHOLE, [2, 1]), Subset(WHOLE, [12]), Subset(changed, [1, 2])]
    assert len({base, WHOLE.fingerprint(), *(p.fingerprint() for p in parts)}) == 5


@pytest.mark.parametrize("index", [30, -1])
def test_examples_that_are_not_there_are_refused(index):
    with pytest.raises(DataError) as error:
        Subset(WHOLE, [3, index])
    assert str(error.value) == (
        f"2 examples of whole: whole has no example {index}; it holds 30"
    )


# As many of each class.


def test_as_many_of_each_class_at_random():
    part = balanced(WHOLE, 12, seed=5)
    np.testing.assert_array_equal(part.labels, np.repeat([0, 1, 2], 4))
    assert len(set(part.indices.tolist())) == 12
    np.testing.assert_array_equal(part.arrays["image"], IMAGES[part.indices])
    assert (part.name, part.num_classes) == ("12 examples of whole", 3)
    assert part.indices.tolist() == balanced(WHOLE, 12, seed=5).indices.tolist()
    others = {tuple(sorted(balanced(WHOLE, 12, seed).indices)) for seed in range(-5, 15)}
    assert len(others) == 20


def test_every_example_is_as_likely_as_any_other_of_its_class():
    chosen = [balanced(WHOLE, 6, seed).indices for seed in range(2000)]
    # Each of 10 examples of a class is one of the 2 with probability 1/5: binomial, of
    # deviation 18; the largest of 30 lies within 4 of them.
    counts = np.bincount(np.concatenate(chosen), minlength=30)
    np.testing.assert_allclose(counts, 400, atol=72)


def test_fewer_are_among_more():
    few, more = (set(balanced(WHOLE, n, 0).indices.tolist()) for n in (6, 21))
    assert few < more
    assert set(balanced(WHOLE, 30, 0).indices.tolist()) == set(range(30))


def test_labels_are_read_only_until_the_classes_are_full():
    source = Drawn()
    found = balanced(source, 6, seed=1)
    assert found.indices.tolist() == balanced(WHOLE, 6, seed=1).indices.tolist()
    assert source.read[-1] in found.indices
    assert len(source.read) == len(set(source.read)) < 30
    assert set(found.indices.tolist()) <= set(source.read)


def test_unreadable_examples_are_not_chosen():
    first = balanced(WHOLE, 3, seed=1).indices
    found = balanced(Drawn(broken=first), 3, seed=1).indices
    second = {each for each in balanced(WHOLE, 6, seed=1).indices if each not in first}
    assert set(found) == second


@pytest.mark.parametrize(
    ("source", "count", "message"),
    [
        (
            WHOLE,
            10,
            "10 labelled examples of whole cannot be as many of each of its 3 classes; "
            "choose a multiple of 3",
        ),
        (
            WHOLE,
            0,
            "0 labelled examples of whole cannot be as many of each of its 3 classes; "
            "choose a multiple of 3",
        ),
        (
            ArraySource("plain", IMAGES),
            10,
            "plain has no labels, so that no 10 labelled examples of it can be chosen; use "
            "labelled data",
        ),
        (
            WHOLE,
            33,
            "whole has 10 readable examples of the class a, too few for 33 labelled "
            "examples, 11 of each class; choose fewer, or add examples",
        ),
        (
            ArraySource("gaps", IMAGES, np.minimum(LABELS, 1), num_classes=4),
            4,
            "gaps has 0 readable examples of the class 2, too few for 4 labelled examples, "
            "1 of each class; choose fewer, or add examples",
        ),
        (
            Drawn(broken=(1, 4)),
            30,
            "drawn has 8 readable examples of the class b, too few for 30 labelled "
            "examples, 10 of each class; choose fewer, or add examples",
        ),
        (
            Drawn(labels=np.where(np.arange(30) == 8, -1, LABELS)),
            30,
            "picture 8: label -1 is outside 0..2; correct it",
        ),
    ],
)
def test_what_cannot_be_chosen_is_refused(source, count, message):
    with pytest.raises(DataError) as error:
        balanced(source, count, seed=0)
    assert str(error.value) == message
