"""Instance normalisation with running statistics."""

import jax
import jax.numpy as jnp
import numpy as np

from gan_jax import tracing
from gan_jax.nn import InstanceNorm, RunningInstanceNorm

X = 2.0 + 3.0 * jax.random.normal(jax.random.key(0), (4, 3, 5, 2))
PARAMS = {"scale": jnp.asarray([2.0, -1.0]), "bias": jnp.asarray([0.5, 3.0])}
OLD = {"mean": jnp.asarray([1.0, -1.0]), "var": jnp.asarray([4.0, 0.25])}
VARIABLES = {"params": PARAMS, "batch_stats": OLD}


def train(x):
    return RunningInstanceNorm().apply(VARIABLES, x, train=True, mutable=["batch_stats"])


def test_training_is_instance_normalisation():
    seen, _ = train(X)
    expected = InstanceNorm().apply({"params": PARAMS}, X)
    np.testing.assert_allclose(seen, expected, atol=1e-6)


def test_evaluation_is_by_the_running_statistics():
    seen = RunningInstanceNorm().apply(VARIABLES, X)
    x = np.asarray(X, np.float64)
    normal = (x - [1.0, -1.0]) / np.sqrt(np.asarray([4.0, 0.25]) + 1e-5)
    np.testing.assert_allclose(seen, normal * [2.0, -1.0] + [0.5, 3.0], rtol=1e-5)


def test_statistics_move_a_tenth_towards_the_means_over_examples():
    _, new = train(X)
    x = np.asarray(X, np.float64)
    mean = x.mean(axis=(1, 2)).mean(axis=0)
    variance = x.var(axis=(1, 2), ddof=1).mean(axis=0)
    np.testing.assert_allclose(
        new["batch_stats"]["mean"], 0.9 * np.asarray([1.0, -1.0]) + 0.1 * mean, rtol=1e-5
    )
    np.testing.assert_allclose(
        new["batch_stats"]["var"], 0.9 * np.asarray([4.0, 0.25]) + 0.1 * variance, rtol=1e-5
    )


def test_statistics_are_those_of_the_global_batch():
    _, whole = train(X)

    def shard(x):
        with tracing.batch_axis("batch"):
            return train(x)[1]

    parts = jax.vmap(shard, axis_name="batch")(X.reshape(2, 2, *X.shape[1:]))
    for name, value in whole["batch_stats"].items():
        np.testing.assert_allclose(parts["batch_stats"][name][0], value, rtol=1e-5)


def test_a_module_starts_from_zero_and_one():
    variables = RunningInstanceNorm().init(jax.random.key(0), X, train=True)
    np.testing.assert_array_equal(variables["batch_stats"]["mean"], [0.0, 0.0])
    np.testing.assert_array_equal(variables["batch_stats"]["var"], [1.0, 1.0])
