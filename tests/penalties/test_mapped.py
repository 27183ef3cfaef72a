"""Penalties that couple a batch, over the shards of a mapped axis: values and gradients."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import PartitionSpec as P

from gan_jax import penalties, prng, tracing

KEY = jax.random.key(0)
ROWS = 8
ZERO = jnp.zeros((), jnp.float32)


def data(seed):
    rng = np.random.default_rng(seed)
    spread = np.arange(1.0, ROWS + 1.0).reshape(ROWS, 1)
    return jnp.float32(spread * rng.standard_normal((ROWS, 4)))


def params():
    rng = np.random.default_rng(7)
    shapes = {"kernel": (4, 3), "bias": (1, 3), "outer": (3,)}
    return {k: jnp.float32(0.5 * rng.standard_normal(s)) for k, s in shapes.items()}


def net(p, x):
    return jnp.tanh(x @ p["kernel"] + p["bias"]) @ p["outer"]


def steepest(p, x, y, keys):
    return penalties.lift(net, penalties.max_gradient_penalty())(p, x, y, keys)


def agreed(p, x, y, keys):
    del keys

    def losses(players):
        d, g = players["d"], players["g"]
        logits = net(d, x) + net(d, y * g["outer"][0])
        return {"d": jnp.mean(logits**2), "g": jnp.mean(jnp.sin(logits))}

    return penalties.consensus(losses)({"d": p, "g": p})


def held_back(p, x, y, keys):
    del keys
    penalty = penalties.lecam(decay=0.5, start=0)
    value, averages = penalty(net(p, x), net(p, y), penalties.lecam_averages())
    return value + jax.lax.stop_gradient(10.0 * averages.real - averages.fake)


def lengths(p, x, y, keys):
    del y

    def generate(w):
        wide = jnp.tanh(w @ p["kernel"] + p["bias"])
        return wide.reshape(-1, 1, 3, 1)

    value, mean = penalties.path_length(decay=0.5)(generate, x, keys, ZERO)
    return value + jax.lax.stop_gradient(10.0 * mean)


TERMS = {f.__name__: f for f in (steepest, agreed, held_back, lengths)}


@pytest.mark.parametrize("check_vma", [True, False])
@pytest.mark.parametrize("name", TERMS)
def test_shards_together_are_the_whole_batch(name, check_vma):
    term = TERMS[name]
    arrays = (data(1), data(2), prng.per_example(KEY, ROWS))
    mesh = jax.make_mesh((4,), ("data",), axis_types=(jax.sharding.AxisType.Auto,))

    def shard(p, *rows):
        # As the engine differentiates: varying parameters, then the mean of gradients.
        with tracing.batch_axis("data"):
            result = jax.value_and_grad(term)(tracing.varying(p), *rows)
            return tracing.pmean(result)

    mapped = jax.shard_map(
        shard,
        mesh=mesh,
        in_specs=(P(), P("data"), P("data"), P("data")),
        out_specs=P(),
        check_vma=check_vma,
    )
    expected = jax.jit(jax.value_and_grad(term))(params(), *arrays)
    result = jax.jit(mapped)(params(), *arrays)
    norm = max(float(jnp.max(jnp.abs(g))) for g in jax.tree.leaves(expected[1]))
    assert norm > 1e-2
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=2e-4, atol=1e-5 * norm),
        result,
        expected,
    )
