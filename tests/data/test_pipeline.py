"""The stream: exact cover, random access, and independence of processes and workers."""

import contextlib
import itertools

import numpy as np
import pytest

from gan_jax.data import (
    ArraySource,
    DataError,
    ImageTransform,
    images,
    make_pipeline,
    open_source,
)
from gan_jax.data.order import source_index

AUGMENT = ImageTransform(resize="none", random_crop=True, flip=True)
SHAPE = (4, 5, 3)
BATCH = 8


def make(source, **options):
    chosen = {"image_shape": SHAPE, "batch_size": BATCH, "seed": 3, "transform": AUGMENT}
    return make_pipeline(source, **{**chosen, **options})


def take(pipeline, position, rounds, count):
    with contextlib.closing(pipeline.iterate(position, rounds)) as batches:
        return list(itertools.islice(batches, count))


def assert_same(found, expected):
    assert found.keys() == expected.keys()
    for key in expected:
        assert type(found[key]) is np.ndarray
        assert found[key].dtype == expected[key].dtype
        np.testing.assert_array_equal(found[key], expected[key])


@pytest.fixture
def folder(make_folder):
    path, _ = make_folder({"a": 7, "b": 9, "c": 5}, shape=(6, 8, 3))
    return open_source(f"folder:{path}")


@pytest.fixture
def memory(folder):
    """The same examples as arrays."""
    elements = [folder[i] for i in range(len(folder))]
    return ArraySource(
        "memory",
        np.stack([e["image"] for e in elements]),
        np.array([e["label"] for e in elements]),
    )


def test_leaves_and_dtypes(folder):
    batch = make(folder).rounds(2, 3)
    assert {k: (v.shape, v.dtype) for k, v in batch.items()} == {
        "image": ((3, BATCH, *SHAPE), np.uint8),
        "label": ((3, BATCH), np.int32),
    }


@pytest.mark.parametrize("kind", ["folder", "memory"])
def test_every_epoch_holds_every_example_once(kind, request):
    source = request.getfixturevalue(kind)
    n = len(source)
    pipeline = make(source, image_shape=(6, 8, 3), transform=ImageTransform())
    # 21 rounds of 8 are 8 epochs of 21.
    found = pipeline.rounds(0, n)["image"].reshape(8, n, -1)
    whole = np.unique(
        np.stack([source[i]["image"] for i in range(n)]).reshape(n, -1), axis=0
    )
    for epoch in found:
        np.testing.assert_array_equal(np.unique(epoch, axis=0), whole)
    assert pipeline.epoch(n) == 8.0


def test_order_is_the_stated_function(memory):
    transform = ImageTransform()
    batch = make(memory, image_shape=(6, 8, 3), transform=transform, seed=5).rounds(7, 4)
    order = source_index(np.arange(7 * BATCH, 11 * BATCH), len(memory), 5).reshape(4, BATCH)
    np.testing.assert_array_equal(batch["image"], memory.arrays["image"][order])
    np.testing.assert_array_equal(batch["label"], memory.labels[order])


def test_memory_and_files_give_the_same_stream(folder, memory):
    for transform in (
        AUGMENT,
        ImageTransform(flip=True),
        ImageTransform("contain", fill=9),
    ):
        found = make(memory, transform=transform).rounds(0, 6)
        assert_same(found, make(folder, transform=transform).rounds(0, 6))


@pytest.mark.parametrize("kind", ["folder", "memory"])
@pytest.mark.parametrize("processes", [1, 2, 4])
def test_processes_share_one_stream(kind, processes, request):
    source = request.getfixturevalue(kind)
    expected = make(source).rounds(0, 12)
    parts = [
        make(source, process_index=index, process_count=processes).rounds(0, 12)
        for index in range(processes)
    ]
    joined = {
        key: np.concatenate([part[key] for part in parts], axis=1) for key in expected
    }
    assert_same(joined, expected)


class Numbered:
    """Images that are decoded one by one, each of its number, which notes what is read."""

    name, num_classes, class_names = "numbered", None, None

    def __init__(self, n):
        self.n, self.read = n, []

    def __len__(self):
        return self.n

    def __getitem__(self, index):
        self.read.append(index)
        return {"image": np.full((1, 1, 3), index, np.uint8)}

    def element_name(self, index):
        return str(index)

    def fingerprint(self):
        return "0"


@pytest.mark.parametrize(
    ("processes", "batch", "n", "rounds"),
    [(16, 16, 208, 13), (64, 64, 192, 3), (64, 128, 256, 2), (16, 32, 160, 5)],
)
def test_a_pod_reads_every_example_once_an_epoch(processes, batch, n, rounds):
    """Each process decodes its own rows only; together they are the data set."""
    options = {"image_shape": (1, 1, 3), "batch_size": batch, "transform": ImageTransform()}
    orders = []
    for epoch in range(2):
        sources = [Numbered(n) for _ in range(processes)]
        for index, source in enumerate(sources):
            process = {"process_index": index, "process_count": processes}
            found = make(source, cache_bytes=0, **options, **process)
            image = found.rounds(epoch * rounds, rounds)["image"]
            np.testing.assert_array_equal(image.reshape(-1, 3)[:, 0], source.read)
            assert len(source.read) == n // processes
        orders.append([index for source in sources for index in source.read])
        assert sorted(orders[-1]) == list(range(n))
    assert orders[0] != orders[1]


def test_epochs_that_end_within_a_batch_are_covered_by_a_pod():
    """Of 150 examples in batches of 64, an epoch ends at any row of any process."""
    options = {"image_shape": (1, 1, 3), "batch_size": 64, "transform": ImageTransform()}
    parts = [
        make(Numbered(150), process_index=index, process_count=16, **options).rounds(0, 75)
        for index in range(16)
    ]
    stream = np.concatenate([part["image"] for part in parts], axis=1)
    epochs = np.sort(stream[..., 0].reshape(32, 150), axis=1)
    np.testing.assert_array_equal(epochs, np.tile(np.arange(150), (32, 1)))


@pytest.mark.parametrize("kind", ["folder", "memory"])
@pytest.mark.parametrize(("position", "rounds"), [(0, 1), (5, 3), (1000, 2)])
def test_iteration_is_random_access_from_any_position(kind, position, rounds, request):
    source = request.getfixturevalue(kind)
    whole = make(source).rounds(position, 3 * rounds)
    found = take(make(source), position, rounds, 3)
    for index, batch in enumerate(found):
        part = slice(index * rounds, (index + 1) * rounds)
        assert_same(batch, {key: value[part] for key, value in whole.items()})


def test_workers_change_nothing(folder):
    options = {"process_index": 1, "process_count": 2}
    expected = make(folder, **options).rounds(3, 6)
    found = take(make(folder, workers=2, **options), 3, 3, 2)
    assert_same({k: np.concatenate([b[k] for b in found]) for k in expected}, expected)


def test_workers_read_tfds(tfds_dir):
    source = open_source("tfds:tiny_shapes", data_dir=tfds_dir)
    expected = make(source).rounds(1, 4)
    (found,) = take(make(source, workers=1), 1, 4, 1)
    assert_same(found, expected)


def test_prefetch_and_cache_change_nothing(folder):
    expected = make(folder, cache_bytes=0).rounds(0, 9)
    pipeline = make(folder, prefetch=4)
    for _ in range(2):
        found = take(pipeline, 0, 3, 3)
        assert_same({k: np.concatenate([b[k] for b in found]) for k in expected}, expected)


def test_seeds_change_order_and_augmentation_changes_by_epoch(memory):
    one, other = make(memory).rounds(0, 21), make(memory, seed=4).rounds(0, 21)
    assert (one["label"] != other["label"]).any()
    # An example recurs in 8 epochs, with 3 x 4 crops and mirrored or not: here all differ.
    n = len(memory)
    order = source_index(np.arange(8 * n), n, 3)
    first = one["image"].reshape(8 * n, -1)[order == 0]
    assert len(np.unique(first, axis=0)) == 8


def test_points_pass_as_they_are():
    source = open_source("synthetic:ring")
    batch = make(source, image_shape=(2,)).rounds(0, 3)
    order = source_index(np.arange(24), len(source), 3).reshape(3, BATCH)
    np.testing.assert_array_equal(batch["image"], source.arrays["image"][order])
    assert batch["image"].dtype == np.float32


@pytest.mark.parametrize("channels", [1, 5])
def test_other_channels_and_shapes_that_are_not_square(channels):
    image = np.random.default_rng(0).integers(0, 256, (9, 6, 8, channels), np.uint8)
    pipeline = make(ArraySource("many", image), image_shape=(4, 7, channels))
    batch = pipeline.rounds(0, 2)
    assert set(batch) == {"image"}
    assert batch["image"].shape == (2, BATCH, 4, 7, channels)
    # Every crop is a window of its image or of its mirror image.
    order = source_index(np.arange(2 * BATCH), 9, 3)
    for found, index in zip(batch["image"].reshape(-1, 4, 7, channels), order, strict=True):
        windows = [
            side[row : row + 4, column : column + 7]
            for side in (image[index], image[index][:, ::-1])
            for row in range(3)
            for column in range(2)
        ]
        assert any(np.array_equal(found, window) for window in windows)


def test_channels_are_converted_when_the_shape_asks(memory):
    transform = ImageTransform()
    grey = make(memory, image_shape=(6, 8, 1), transform=transform).rounds(0, 2)["image"]
    color = make(memory, image_shape=(6, 8, 3), transform=transform).rounds(0, 2)["image"]
    np.testing.assert_array_equal(grey, images.to_channels(color, 1))


def damage(folder, *indices):
    for index in indices:
        with open(folder.element_name(index), "wb") as file:
            file.write(b"broken")


@pytest.mark.parametrize("workers", [0, 1])
def test_corrupt_files_are_replaced_and_counted(folder, workers):
    transform = ImageTransform()
    options = {"image_shape": (6, 8, 3), "transform": transform, "max_corrupt": 2}
    before = make(folder, **options).rounds(0, 6)
    after_next = np.stack([folder[6]["image"], folder[0]["image"]])
    damage(folder, 5, 20)
    pipeline = make(folder, workers=workers, **options)
    found = take(pipeline, 0, 3, 2)
    found = {key: np.concatenate([batch[key] for batch in found]) for key in before}
    order = source_index(np.arange(6 * BATCH), len(folder), 3).reshape(6, BATCH)
    replaced = np.isin(order, (5, 20))
    np.testing.assert_array_equal(found["image"][~replaced], before["image"][~replaced])
    expected = after_next[(order[replaced] == 20).astype(int)]
    np.testing.assert_array_equal(found["image"][replaced], expected)
    np.testing.assert_array_equal(found["label"][order == 5], 0)
    np.testing.assert_array_equal(found["label"][order == 20], 0)
    assert sorted(pipeline.corrupt) == sorted(folder.element_name(i) for i in (5, 20))


@pytest.mark.parametrize("workers", [0, 1])
def test_too_many_corrupt_files_stop_with_the_names(folder, workers):
    damage(folder, 5, 20, 11)
    with pytest.raises(
        DataError, match=r"after 3 unreadable images \(max_corrupt allows 2\)"
    ) as e:
        take(make(folder, max_corrupt=2, workers=workers), 0, 3, 2)
    assert all(folder.element_name(index) in str(e.value) for index in (5, 20, 11))
    assert "\n" not in str(e.value)


def test_by_default_the_first_corrupt_file_stops(folder):
    damage(folder, 5)
    with pytest.raises(DataError, match=r"after 1 unreadable .*allows 0\): .*a/05\.png$"):
        make(folder).rounds(0, 3)


def test_nothing_readable_stops(folder):
    damage(folder, *range(len(folder)))
    with pytest.raises(
        DataError, match=r"after 21 unreadable images \(max_corrupt allows 99\)"
    ):
        make(folder, max_corrupt=99).rounds(0, 1)


@pytest.mark.parametrize("workers", [0, 1])
def test_other_errors_reach_the_caller_in_one_line(folder, workers):
    pipeline = make(folder, image_shape=(9, 9, 3), workers=workers)
    with pytest.raises(
        DataError, match=r"\.png: an image of 6x8 is smaller than 9x9"
    ) as error:
        take(pipeline, 0, 1, 1)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"process_count": 3}, "batch_size 8 cannot be divided among 3 processes"),
        ({"batch_size": 0}, "batch_size 0 cannot be divided"),
        ({"process_index": 2, "process_count": 2}, "process 2 of 2: count from 0"),
        ({"prefetch": 0}, "prefetch must be at least 1"),
        ({"workers": -1}, "workers -1"),
        ({"image_shape": (6, 8)}, r"image_shape is \(6, 8\)"),
    ],
)
def test_wrong_options_are_refused(memory, options, message):
    with pytest.raises(DataError, match=message):
        make(memory, **options)
