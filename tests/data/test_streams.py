"""Streams beside one another: each as it is alone, at every position."""

import contextlib
import itertools
import threading
import time

import jax
import numpy as np
import pytest

from gan_jax import parallel
from gan_jax.data import (
    ArraySource,
    DataError,
    ImageTransform,
    Streams,
    balanced,
    make_pipeline,
    open_source,
    stream_seed,
)

SHAPE = (4, 5, 3)
AUGMENT = ImageTransform(resize="none", random_crop=True, flip=True)


@pytest.fixture
def folder(make_folder):
    path, _ = make_folder({"a": 7, "b": 9, "c": 5}, shape=(6, 8, 3))
    return open_source(f"folder:{path}")


@pytest.fixture
def memory(folder):
    """The same examples as arrays."""
    elements = [folder[i] for i in range(len(folder))]
    images = np.stack([e["image"] for e in elements])
    return ArraySource("memory", images, np.array([e["label"] for e in elements]))


def parts(source, **options):
    """A stream of all and one of six labelled examples."""
    chosen = {"image_shape": SHAPE, "batch_size": 8, "transform": AUGMENT} | options
    labelled = balanced(source, 6, 3)
    return (
        make_pipeline(source, seed=3, **chosen),
        make_pipeline(labelled, seed=stream_seed(3, "labelled"), **chosen),
    )


def make(source, **options):
    main, labelled = parts(source, **options)
    return Streams(main, {"labelled": labelled})


def take(streams, position, rounds, count):
    with contextlib.closing(streams.iterate(position, rounds)) as batches:
        return list(itertools.islice(batches, count))


def assert_same(found, expected):
    """Equal leaves of equal names, in numpy, and of equal types."""
    assert jax.tree.structure(found) == jax.tree.structure(expected)
    for ours, theirs in zip(*map(jax.tree.leaves, (found, expected)), strict=True):
        assert type(ours) is np.ndarray
        assert ours.dtype == theirs.dtype
        np.testing.assert_array_equal(ours, theirs)


def joined(batches, axis):
    return jax.tree.map(lambda *leaves: np.concatenate(leaves, axis), *batches)


def test_leaves_of_further_streams_are_nested(folder):
    batch = make(folder).rounds(2, 3)
    alike = {"image": ((3, 8, *SHAPE), np.uint8), "label": ((3, 8), np.int32)}
    named = {k: v for k, v in batch.items() if k != "labelled"}
    for leaves in (named, batch["labelled"]):
        assert {k: (v.shape, v.dtype) for k, v in leaves.items()} == alike
    assert set(batch) == {"image", "label", "labelled"}


@pytest.mark.parametrize("kind", ["folder", "memory"])
@pytest.mark.parametrize(("position", "rounds"), [(0, 1), (5, 3), (1000, 2)])
def test_each_stream_is_what_it_is_alone(kind, position, rounds, request):
    source = request.getfixturevalue(kind)
    main, labelled = (part.rounds(position, 3 * rounds) for part in parts(source))
    expected = {**main, "labelled": labelled}
    streams = make(source)
    assert_same(streams.rounds(position, 3 * rounds), expected)
    found = take(make(source), position, rounds, 3)
    assert [each["image"].shape[0] for each in found] == [rounds] * 3
    assert_same(joined(found, 0), expected)
    assert streams.source is source
    assert streams.epoch(21) == 8.0


@pytest.mark.parametrize("processes", [2, 4])
def test_processes_share_the_streams(memory, processes):
    shares = [
        make(memory, process_index=index, process_count=processes).rounds(4, 6)
        for index in range(processes)
    ]
    assert_same(joined(shares, 1), make(memory).rounds(4, 6))


def test_a_few_labelled_examples_come_round_in_equal_numbers(memory):
    # 8 rows of 6 examples: in 3 rounds each of them 4 times, 8 of each class.
    batch = make(memory, image_shape=(6, 8, 3), transform=ImageTransform()).rounds(3, 3)
    image, label = batch["labelled"]["image"], batch["labelled"]["label"]
    chosen = balanced(memory, 6, 3)
    for picture, of_class in zip(chosen.arrays["image"], chosen.labels, strict=True):
        places = (image == picture).all(axis=(2, 3, 4))
        assert places.sum() == 4
        assert (label[places] == of_class).all()


def test_streams_of_equal_examples_have_orders_of_their_own(memory):
    options = {"image_shape": SHAPE, "batch_size": 21, "transform": AUGMENT}
    seeds = [
        3,
        stream_seed(3, "labelled"),
        stream_seed(3, "other"),
        stream_seed(4, "other"),
    ]
    found = [make_pipeline(memory, seed=s, **options).rounds(0, 1)["image"] for s in seeds]
    assert len({each.tobytes() for each in found}) == 4
    assert stream_seed(3, "labelled") == seeds[1]


def test_streams_within_streams(memory):
    main, labelled = parts(memory)
    inner = Streams(labelled, {"again": labelled})
    batch = Streams(main, {"pair": inner}).rounds(1, 2)
    expected = labelled.rounds(1, 2)
    assert_same(batch["pair"], {**expected, "again": expected})


def test_nested_leaves_go_to_the_devices(memory):
    mesh = parallel.make_mesh(jax.devices()[:2])
    with contextlib.closing(make(memory).iterate(0, 2)) as host:
        found = next(parallel.prefetch_to_device(host, mesh))
    spec = parallel.batch_sharding(mesh)
    assert all(leaf.sharding == spec for leaf in jax.tree.leaves(found))
    assert_same(jax.tree.map(np.asarray, found), make(memory).rounds(0, 2))


class Endless:
    """A stream of one leaf, which notes that it was closed, and may fail."""

    def __init__(self, fails=False):
        self.fails, self.closed, self.corrupt = fails, 0, ()

    def iterate(self, position, rounds):
        try:
            while True:
                if self.fails:
                    raise DataError("too many broken")
                yield {"leaf": np.full((rounds, 2), position)}
                position += rounds
        finally:
            self.closed += 1


def test_closing_closes_all_streams():
    streams = [Endless() for _ in range(3)]
    batches = Streams(streams[0], {"b": streams[1], "c": streams[2]}).iterate(5, 2)
    next(batches)
    second = next(batches)
    assert [second["leaf"][0, 0], second["b"]["leaf"][0, 0]] == [7, 7]
    assert [each.closed for each in streams] == [0, 0, 0]
    batches.close()
    assert [each.closed for each in streams] == [1, 1, 1]


def test_one_that_fails_closes_the_others():
    streams = [Endless(), Endless(fails=True)]
    batches = Streams(streams[0], {"b": streams[1]}).iterate(0, 1)
    with pytest.raises(DataError, match=r"^too many broken$"):
        next(batches)
    assert [each.closed for each in streams] == [1, 1]


def test_no_thread_is_left(folder):
    before = threading.active_count()
    take(make(folder), 0, 2, 2)
    deadline = time.monotonic() + 20
    while threading.active_count() > before and time.monotonic() < deadline:
        time.sleep(0.05)
    assert threading.active_count() <= before


def damage(folder, *indices):
    for index in indices:
        with open(folder.element_name(index), "wb") as file:
            file.write(b"broken")


def test_unreadable_examples_of_all_streams_are_told_once(folder):
    chosen = balanced(folder, 6, 3).indices.tolist()
    other = next(index for index in range(21) if index not in chosen)
    streams = make(folder, max_corrupt=2)
    damage(folder, chosen[0], other)
    assert streams.corrupt == ()
    streams.rounds(0, 6)
    names = [folder.element_name(index) for index in (chosen[0], other)]
    assert sorted(streams.corrupt) == sorted(names)


def test_a_labelled_example_that_is_unreadable_stops(folder):
    chosen = balanced(folder, 6, 3)
    _, labelled = parts(folder)
    name = chosen.element_name(4)
    damage(folder, int(chosen.indices[4]))
    main = make_pipeline(
        folder, image_shape=SHAPE, batch_size=8, seed=3, transform=AUGMENT, max_corrupt=1
    )
    with pytest.raises(DataError) as error:
        take(Streams(main, {"labelled": labelled}), 0, 3, 1)
    assert str(error.value) == (
        f"{chosen.name}: stopped after 1 unreadable images (max_corrupt allows 0): {name}"
    )


@pytest.mark.parametrize("name", ["image", "label"])
def test_names_of_leaves_are_taken(memory, name):
    main, labelled = parts(memory)
    with pytest.raises(DataError) as error:
        Streams(main, {name: labelled})
    assert str(error.value) == (
        f"no stream can be called {name!r}, as a leaf of the main stream is; choose "
        "another name"
    )
