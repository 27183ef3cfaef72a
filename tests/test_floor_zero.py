"""Trees, keys, numerics and tracing facts."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import PartitionSpec as P

from gan_jax import numerics, priors, prng, tracing, trees

TREE = {
    "a": {"kernel": jnp.ones((2, 3)), "bias": jnp.full((3,), 2.0)},
    "b": [jnp.zeros((4,)), jnp.full((1, 1), -3.0, jnp.bfloat16)],
}


def test_paths_are_joined_by_slashes():
    assert [path for path, _ in trees.leaves_with_path(TREE)] == [
        "a/bias",
        "a/kernel",
        "b/0",
        "b/1",
    ]
    named = trees.map_with_path(lambda path, leaf: (path, leaf.shape), TREE)
    assert named["a"]["kernel"] == ("a/kernel", (2, 3))


def test_count_and_norm():
    assert trees.count(TREE) == 6 + 3 + 4 + 1
    np.testing.assert_allclose(trees.global_norm(TREE), np.sqrt(6.0 + 12.0 + 9.0))
    assert trees.global_norm(TREE).dtype == jnp.float32


def test_batch_size_wants_one_answer():
    assert trees.batch_size({"x": jnp.zeros((3, 2)), "y": jnp.zeros((3,))}) == 3
    with pytest.raises(ValueError, match=r"different batch sizes: \[3, 4\]"):
        trees.batch_size({"x": jnp.zeros((3,)), "y": jnp.zeros((4,))})


def test_per_example_keys_depend_on_the_row_alone():
    key = jax.random.key(3)
    five, three = prng.per_example(key, 5), prng.per_example(key, 3)
    np.testing.assert_array_equal(jax.random.key_data(five)[:3], jax.random.key_data(three))
    np.testing.assert_array_equal(
        jax.random.key_data(five[4]), jax.random.key_data(jax.random.fold_in(key, 4))
    )
    assert prng.per_example(five, 5) is five
    with pytest.raises(ValueError, match="expected one key, or 4 keys"):
        prng.per_example(five, 4)


def test_streams_differ_by_name_and_agree_between_one_and_many():
    keys = prng.per_example(jax.random.key(0), 4)
    a, b = prng.stream(keys, "a"), prng.stream(keys, "b")
    data = np.asarray(jax.random.key_data(jnp.concatenate([keys, a, b])))
    assert len({tuple(row) for row in data}) == 12
    np.testing.assert_array_equal(
        jax.random.key_data(a[2]), jax.random.key_data(prng.stream(keys[2], "a"))
    )
    # crc32 of the name: the same in every Python process.
    expected = jax.random.fold_in(keys[0], 0xE8B7BE43)
    np.testing.assert_array_equal(jax.random.key_data(a[0]), jax.random.key_data(expected))


@pytest.mark.parametrize(
    ("prior", "mean", "variance"),
    [(priors.normal(8), 0.0, 1.0), (priors.uniform(8), 0.0, 1.0 / 3.0)],
)
def test_priors_have_their_moments(prior, mean, variance):
    draws = prng.draw(prng.per_example(jax.random.key(0), 4096), prior)
    assert draws.shape == (4096, 8)
    # 32768 draws: five standard errors of the mean and of the variance.
    np.testing.assert_allclose(draws.mean(), mean, atol=5 * np.sqrt(variance / 32768))
    np.testing.assert_allclose(draws.var(), variance, atol=5 * np.sqrt(2.0 / 32768))


def test_images_survive_the_way_to_the_unit_interval_and_back():
    pixels = jnp.arange(256, dtype=jnp.uint8)
    unit = numerics.to_unit(pixels)
    np.testing.assert_allclose([unit[0], unit[255]], [-1.0, 1.0], rtol=1e-6)
    np.testing.assert_array_equal(numerics.to_uint8(unit), pixels)
    np.testing.assert_array_equal(
        numerics.to_uint8(jnp.array([-7.0, 0.0, 7.0])), jnp.array([0, 128, 255], jnp.uint8)
    )
    floats = jnp.array([0.25])
    assert numerics.to_unit(floats) is floats


def test_mean32_does_not_lose_what_bfloat16_would():
    ones = jnp.ones((100_000,), jnp.bfloat16)
    mean = numerics.mean32(ones * jnp.bfloat16(1.0078125))
    assert mean.dtype == jnp.float32
    np.testing.assert_allclose(mean, 1.0078125, rtol=1e-6)


def test_outside_a_mapped_axis_collectives_are_the_identity():
    x = jnp.arange(3.0)
    assert tracing.pmean(x) is x
    assert tracing.gather(x) is x
    assert tracing.varying(x) is x
    assert tracing.batch_shards() == 1
    np.testing.assert_array_equal(tracing.global_rows(3), [0, 1, 2])


def test_inside_a_mapped_axis_they_act_over_it():
    mesh = jax.make_mesh((4,), ("rows",), axis_types=(jax.sharding.AxisType.Auto,))

    def local(x):
        with tracing.batch_axis("rows"):
            values = {"float": x.sum(), "int": jnp.int32(x[0])}
            means = tracing.pmean(values)
            rows = tracing.global_rows(2)
            return means, rows, tracing.gather(x)[None], jnp.int32(tracing.batch_shards())

    mapped = jax.shard_map(
        local, mesh=mesh, in_specs=P("rows"), out_specs=(P(), P("rows"), P("rows"), P())
    )
    means, rows, gathered, shards = mapped(jnp.arange(8.0))
    assert float(means["float"]) == 28.0 / 4.0
    assert int(means["int"]) == 6
    np.testing.assert_array_equal(rows, np.arange(8))
    np.testing.assert_array_equal(gathered, np.tile(np.arange(8.0), (4, 1)))
    assert int(shards) == 4


def test_the_platform_is_the_declared_one_or_the_default():
    assert tracing.current_platform() == jax.default_backend()
    with tracing.platform("tpu"):
        assert tracing.current_platform() == "tpu"
        with tracing.platform("gpu"):
            assert tracing.current_platform() == "gpu"
        assert tracing.current_platform() == "tpu"
    assert tracing.current_platform() == jax.default_backend()
