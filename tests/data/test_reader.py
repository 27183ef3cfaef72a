"""Reading by index, past corrupt examples and from memory."""

import numpy as np
import pytest

from gan_jax.data import ArraySource, DataError, ImageTransform, UnreadableImageError
from gan_jax.data.reader import SourceReader, make_reader

SHAPE = (4, 5, 3)


class Counting:
    """Decoded one by one, with unreadable examples, and counting what was read."""

    name = "counting"
    num_classes = 4
    class_names = None

    def __init__(self, n, broken=(), shape=SHAPE):
        self.n, self.broken, self.shape, self.reads = n, set(broken), shape, []

    def __len__(self):
        return self.n

    def __getitem__(self, index):
        self.reads.append(index)
        if index in self.broken:
            raise UnreadableImageError(f"{self.element_name(index)}: cannot be read")
        return {"image": np.full(self.shape, index, np.uint8), "label": index % 4}

    def element_name(self, index):
        return f"file {index}"

    def fingerprint(self):
        return "0"


def read(source, indices, **options):
    return SourceReader(source, SHAPE, ImageTransform(), **options)(np.array(indices))


def test_arrays_are_gathered_and_brought_to_shape_once():
    image = np.random.default_rng(0).integers(0, 256, (6, 8, 10, 3), np.uint8)
    reader = make_reader(ArraySource("a", image, np.arange(6)), SHAPE, ImageTransform())
    assert reader.in_memory
    rows = reader(np.array([5, 0, 5]))
    assert rows.image.shape == (3, *SHAPE)
    np.testing.assert_array_equal(rows.image[0], rows.image[2])
    np.testing.assert_array_equal(rows.label, [5, 0, 5])
    assert rows.label.dtype == np.int32


def test_elements_are_read_in_the_order_asked():
    rows = read(Counting(9), [3, 1, 8])
    assert [int(image[0, 0, 0]) for image in rows.image] == [3, 1, 8]
    np.testing.assert_array_equal(rows.label, [3, 1, 0])
    assert (rows.corrupt, rows.complete) == ((), True)


def test_unreadable_ones_are_replaced_by_the_next():
    rows = read(Counting(9, broken={3, 4, 8}), [3, 1, 8, 4], max_corrupt=3)
    assert [int(image[0, 0, 0]) for image in rows.image] == [5, 1, 0, 5]
    np.testing.assert_array_equal(rows.label, [1, 1, 0, 1])
    assert rows.corrupt == (3, 4, 8)


def test_too_many_unreadable_ones_end_the_read():
    rows = read(Counting(9, broken={3, 4, 8}), [3, 1, 8, 4], max_corrupt=2)
    assert (rows.corrupt, rows.complete) == ((3, 4, 8), False)


def test_nothing_readable_ends_whatever_is_allowed():
    source = Counting(3, broken={0, 1, 2})
    rows = read(source, [1], max_corrupt=100)
    assert (rows.corrupt, rows.complete) == ((1, 2, 0), False)


def test_cache_keeps_what_fits():
    source = Counting(9)
    one = int(np.prod(SHAPE))
    reader = SourceReader(source, SHAPE, ImageTransform(), cache_bytes=2 * one + 1)
    first = reader(np.array([3, 1, 8]))
    second = reader(np.array([3, 1, 8]))
    assert source.reads == [3, 1, 8, 8]
    np.testing.assert_array_equal(np.stack(first.image), np.stack(second.image))
    np.testing.assert_array_equal(first.label, second.label)


def test_fitted_images_do_not_hold_the_decoded_ones():
    source = Counting(2, shape=(40, 50, 3))
    reader = SourceReader(source, SHAPE, ImageTransform(resize="none"), cache_bytes=1000)
    assert reader(np.array([0])).image[0].base is None


def test_an_image_that_cannot_be_fitted_is_named():
    with pytest.raises(DataError, match=r"^file 1: images of 5 channels cannot become"):
        read(Counting(3, shape=(4, 5, 5)), [1])


def test_points_read_one_by_one():
    reader = make_reader(Counting(5, shape=(2,)), (2,))
    rows = reader(np.array([4, 2]))
    np.testing.assert_array_equal(np.stack(rows.image), np.float32([[4, 4], [2, 2]]))
    with pytest.raises(DataError, match=r"shape \(2,\) but image_shape is \(4, 5, 3\)"):
        read(Counting(5, shape=(2,)), [0])


def test_unsuitable_requests_are_refused():
    points = ArraySource("points", np.zeros((3, 2), np.float32))
    with pytest.raises(
        DataError, match=r"points holds examples of shape \(2,\) but image_sh"
    ):
        make_reader(points, (3,))
    with pytest.raises(DataError, match=r"\(2,\) but image_shape is \(4, 5, 3\); set"):
        make_reader(points, SHAPE)
    with pytest.raises(DataError, match=r"image_shape is \(4, 5, 1, 1\); expected"):
        make_reader(Counting(3), (4, 5, 1, 1))
    with pytest.raises(DataError, match=r"holds no text, but image_shape is \(4, 5\)"):
        make_reader(Counting(3), (4, 5))
    with pytest.raises(DataError, match="empty holds no examples"):
        make_reader(ArraySource("empty", np.zeros((0, *SHAPE), np.uint8)), SHAPE)
