"""The source in memory."""

import numpy as np
import pytest

from gan_jax.data import ArraySource, DataError, ImageSource

IMAGES = np.arange(4 * 2 * 3 * 1, dtype=np.uint8).reshape(4, 2, 3, 1)
LABELS = np.array([2, 0, 1, 2])


def test_elements_classes_and_names():
    source = ArraySource("mine", IMAGES, LABELS, class_names=("a", "b", "c"))
    assert isinstance(source, ImageSource)
    assert (len(source), source.num_classes, source.class_names) == (4, 3, ("a", "b", "c"))
    element = source[3]
    np.testing.assert_array_equal(element["image"], IMAGES[3])
    assert element["label"] == 2
    assert type(element["label"]) is int
    assert source.element_name(3) == "mine[3]"
    assert source.arrays["image"] is IMAGES


def test_without_labels_there_are_no_classes():
    source = ArraySource("mine", IMAGES, num_classes=3, class_names=("a", "b", "c"))
    assert (source.num_classes, source.class_names) == (None, None)
    assert set(source[0]) == {"image"}


def test_fingerprint_is_of_the_content():
    base = ArraySource("a", IMAGES, LABELS).fingerprint()
    assert base == ArraySource("b", IMAGES.copy(), LABELS.copy()).fingerprint()
    changed = IMAGES.copy()
    changed[3, 1, 2, 0] ^= 1
    others = {
        ArraySource("a", changed, LABELS).fingerprint(),
        ArraySource("a", IMAGES, LABELS[::-1]).fingerprint(),
        ArraySource("a", IMAGES).fingerprint(),
        ArraySource("a", IMAGES.reshape(4, 3, 2, 1), LABELS).fingerprint(),
    }
    assert len(others | {base}) == 5


@pytest.mark.parametrize(
    ("image", "label", "message"),
    [
        (
            IMAGES[..., 0],
            None,
            r"images are uint8 \(4, 2, 3\); expected uint8 \(N, H, W, C\)",
        ),
        (IMAGES.astype(np.float32), None, "images are float32 .*values 0..255"),
        (IMAGES, LABELS[:3], "4 images but 3 labels"),
        (IMAGES, LABELS.astype(float), "labels are float64"),
        (IMAGES, np.eye(4, dtype=int), r"labels are int64 \(4, 4\)"),
        (np.array([[0.0, np.nan]], np.float32), None, "points are not finite"),
    ],
)
def test_unsuitable_arrays_are_refused(image, label, message):
    with pytest.raises(DataError, match=message):
        ArraySource("mine", image, label)
