"""Images of NumPy archives."""

import numpy as np
import pytest

from gan_jax.data import DataError, open_source

IMAGES = np.random.default_rng(0).integers(0, 256, (6, 4, 5, 3), np.uint8)
LABELS = np.array([0, 2, 1, 0, 2, 2], np.int64)


@pytest.fixture
def save(tmp_path):
    def save(**arrays):
        np.savez(tmp_path / "data.npz", **arrays)
        return f"npz:{tmp_path / 'data.npz'}"

    return save


@pytest.mark.parametrize("names", [("image", "label"), ("images", "labels"), ("x", "y")])
def test_names_of_arrays(save, names):
    source = open_source(save(**{names[0]: IMAGES, names[1]: LABELS}))
    np.testing.assert_array_equal(source.arrays["image"], IMAGES)
    np.testing.assert_array_equal(source.arrays["label"], LABELS)
    assert source.num_classes == 3


def test_splits_are_suffixes(save):
    spec = save(x_train=IMAGES, y_train=LABELS, x_test=IMAGES[:2], y_test=LABELS[:2])
    assert len(open_source(spec)) == 6
    for source in (open_source(f"{spec}:test"), open_source(spec, split="test")):
        np.testing.assert_array_equal(source.arrays["image"], IMAGES[:2])
        np.testing.assert_array_equal(source.labels, LABELS[:2])


def test_plain_names_are_training_data_only(save):
    spec = save(image=IMAGES, label=LABELS)
    with pytest.raises(
        DataError, match=r"no images of split 'test'.*x_test.*it has image, label"
    ):
        open_source(spec, split="test")


@pytest.mark.parametrize("channels", [1, 2, 5])
def test_any_number_of_channels_without_labels(save, channels):
    image = np.random.default_rng(1).integers(0, 256, (3, 4, 6, channels), np.uint8)
    source = open_source(save(x=image))
    np.testing.assert_array_equal(source[1]["image"], image[1])
    assert source.num_classes is None


def test_grey_without_a_channel_axis(save):
    source = open_source(save(x=IMAGES[..., 0]))
    np.testing.assert_array_equal(source.arrays["image"], IMAGES[..., :1])


def test_points(save):
    points = np.random.default_rng(2).normal(size=(7, 2))
    source = open_source(save(x=points))
    np.testing.assert_array_equal(source.arrays["image"], points.astype(np.float32))


def test_column_labels_and_stated_classes(save):
    source = open_source(save(x=IMAGES, y=LABELS[:, None], num_classes=10))
    np.testing.assert_array_equal(source.labels, LABELS)
    assert source.num_classes == 10
    source = open_source(save(x=IMAGES, y=LABELS, class_names=np.array(list("abcd"))))
    assert (source.num_classes, source.class_names) == (4, ("a", "b", "c", "d"))


def test_objects_are_never_unpickled(save):
    with pytest.raises(DataError, match="cannot be read as a NumPy archive: Object arrays"):
        open_source(save(x=np.array([{"a": 1}], object)))


def test_missing_and_damaged_files(save, tmp_path):
    with pytest.raises(DataError, match=r"npz:.*gone\.npz: no such file"):
        open_source(f"npz:{tmp_path / 'gone.npz'}")
    spec = save(x=IMAGES)
    path = tmp_path / "data.npz"
    whole = path.read_bytes()
    for damaged in (b"", b"nonsense", whole[: len(whole) // 2]):
        path.write_bytes(damaged)
        with pytest.raises(DataError, match="is not a NumPy archive, or only part of one"):
            open_source(spec)
    flipped = bytearray(whole)
    flipped[len(whole) // 2] ^= 1
    path.write_bytes(bytes(flipped))
    with pytest.raises(DataError, match="CRC"):
        open_source(spec)
    np.save(tmp_path / "one.npy", IMAGES)
    with pytest.raises(DataError, match="is not a NumPy archive"):
        open_source(f"npz:{tmp_path / 'one.npy'}")
