"""Meshes, and batches split over them."""

from typing import NamedTuple

import jax
import numpy as np
import pytest
from jax.sharding import AxisType
from jax.sharding import PartitionSpec as P

from gan_jax import parallel
from gan_jax.parallel import mesh as mesh_module


def _batch(rows: int) -> dict[str, np.ndarray]:
    return {
        "image": np.arange(2 * rows * 3, dtype=np.uint8).reshape(2, rows, 3),
        "label": np.arange(2 * rows, dtype=np.int32).reshape(2, rows),
    }


def test_default_mesh_puts_every_device_on_data():
    mesh = parallel.make_mesh()
    assert dict(mesh.shape) == {"data": 8}
    assert mesh.axis_types == (AxisType.Auto,)
    assert set(mesh.devices.flat) == set(jax.devices())


def test_fewer_devices_are_the_first_ones():
    mesh = parallel.make_mesh(shape={"data": 3})
    assert list(mesh.devices.flat) == jax.devices()[:3]


def test_devices_may_be_chosen():
    chosen = jax.devices()[6:3:-1]
    assert list(parallel.make_mesh(chosen).devices.flat) == chosen


def test_devices_of_a_process_lie_together():
    class Device(NamedTuple):
        process_index: int
        id: int

    scattered = [Device(1, 5), Device(0, 2), Device(1, 1), Device(0, 3)]
    assert mesh_module._in_process_order(scattered) == sorted(scattered)


def test_minus_one_takes_the_devices_that_are_left():
    mesh = parallel.make_mesh(shape={"data": 2, "fsdp": -1})
    assert dict(mesh.shape) == {"data": 2, "fsdp": 4}


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ({"data": 9}, "asks for 9 devices, but 8 are present"),
        ({"data": 4, "fsdp": 4}, "asks for 16 devices, but 8 are present"),
        ({"fsdp": 8}, "'data' must be given"),
        ({"data": 2, "rows": 2}, "mesh axes are"),
        ({"data": 0}, "must be positive"),
        ({"data": -1, "fsdp": -1}, "at most one"),
        ({"data": -1, "model": 3}, "8 devices cannot be split into groups of 3"),
    ],
)
def test_impossible_meshes_are_refused(shape, message):
    with pytest.raises(ValueError, match=message):
        parallel.make_mesh(shape=shape)


@pytest.mark.parametrize(
    ("shape", "rows_of_a_device"),
    [
        ({"data": 8}, 1),
        ({"data": 2, "fsdp": 4}, 1),
        ({"data": 2, "model": 4}, 4),
        ({"data": 2}, 4),
    ],
)
def test_batch_is_split_over_data_and_fsdp_only(shape, rows_of_a_device):
    mesh = parallel.make_mesh(shape=shape)
    host = _batch(8)
    batch = parallel.shard_batch(mesh, host)
    for name, leaf in batch.items():
        np.testing.assert_array_equal(np.asarray(leaf), host[name])
        assert leaf.dtype == host[name].dtype
        for shard in leaf.addressable_shards:
            assert shard.data.shape == (2, rows_of_a_device, *host[name].shape[2:])


def test_device_i_holds_rows_i():
    mesh = parallel.make_mesh(shape={"data": 4})
    label = parallel.shard_batch(mesh, _batch(8))["label"]
    for i, device in enumerate(mesh.devices.flat):
        (shard,) = [s for s in label.addressable_shards if s.device == device]
        np.testing.assert_array_equal(shard.data, _batch(8)["label"][:, 2 * i : 2 * i + 2])


@pytest.mark.parametrize(
    ("batch_size", "hint"),
    [(30, "use 24 or 32"), (7, "use 8,"), (0, "use 8,"), (-8, "use 8,")],
)
def test_batch_not_divisible_by_devices_names_the_nearest(batch_size, hint):
    mesh = parallel.make_mesh()
    with pytest.raises(ValueError, match=f"batch of {batch_size} cannot be split .*{hint}"):
        parallel.check_batch(mesh, batch_size)
    with pytest.raises(ValueError, match="cannot be split"):
        parallel.process_rows(mesh, batch_size)


def test_divisible_batches_are_accepted():
    mesh = parallel.make_mesh(shape={"data": 2, "fsdp": 2, "model": 2})
    parallel.check_batch(mesh, 12)
    with pytest.raises(ValueError, match="over 4 devices; use 12 or 16"):
        parallel.check_batch(mesh, 14)


def test_one_process_feeds_all_rows():
    assert parallel.process_rows(parallel.make_mesh(), 16) == slice(0, 16)


@pytest.mark.parametrize("leaf", [np.zeros((2, 6, 3)), np.zeros(8)])
def test_batch_leaves_of_a_wrong_shape_are_named(leaf):
    with pytest.raises(ValueError, match=r"batch leaf 'x' of shape .* over the 8 devices"):
        parallel.shard_batch(parallel.make_mesh(), {"x": leaf})


@pytest.mark.parametrize("depth", [1, 2, 5])
def test_prefetch_keeps_order_and_reads_depth_ahead(depth):
    mesh = parallel.make_mesh()
    read = []

    def source():
        for i in range(4):
            read.append(i)
            yield {"x": np.full((1, 8), i, np.int32)}

    stream = parallel.prefetch_to_device(source(), mesh, depth)
    seen = []
    for i, batch in enumerate(stream):
        assert batch["x"].sharding.spec == P(None, ("data",))
        assert len(read) == min(i + depth, 4)
        seen.append(int(batch["x"][0, 0]))
    assert seen == [0, 1, 2, 3]


def test_prefetch_of_nothing_is_refused():
    with pytest.raises(ValueError, match="depth must be at least 1, got 0"):
        next(parallel.prefetch_to_device([], parallel.make_mesh(), 0))
