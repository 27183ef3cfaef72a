"""Flax modules as pairs of pure functions."""

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen

from gan_jax.nn.adapter import from_linen
from gan_jax.nn.layers import Dense, Embed
from gan_jax.nn.norm import BatchNorm

KEY = jax.random.key(0)
LABELS = jax.ShapeDtypeStruct((2,), jnp.int32)


class Labelled(linen.Module):
    @linen.compact
    def __call__(self, x, y, *, train):
        h = Dense(4)(x) + Embed(3, 4)(y)
        return BatchNorm()(h, train=train)


def test_init_draws_what_flax_draws():
    net = from_linen(Labelled(), (5,), LABELS)
    params, stats = net.init(KEY)
    example = jnp.zeros((2, 5)), jnp.zeros(2, jnp.int32)
    expected = Labelled().init(KEY, *example, train=False)
    jax.tree.map(np.testing.assert_array_equal, params, expected["params"])
    jax.tree.map(
        np.testing.assert_array_equal, stats["batch_stats"], expected["batch_stats"]
    )
    assert set(stats) == {"batch_stats"}


def test_init_never_runs_the_forward_pass():
    runs = []

    class Observed(linen.Module):
        @linen.compact
        def __call__(self, x, *, train):
            jax.debug.callback(lambda x: runs.append(x.shape), x)
            return Dense(3)(x)

    net = from_linen(Observed(), (5,))
    params, stats = net.init(KEY)
    jax.effects_barrier()
    assert (params["Dense_0"]["kernel"].shape, stats, runs) == ((5, 3), {}, [])
    net.apply(params, stats, jnp.ones((4, 5)), train=False)
    jax.effects_barrier()
    assert runs == [(4, 5)]


def test_init_is_the_same_abstractly_and_compiled():
    net = from_linen(Labelled(), (5,), LABELS)
    eager = net.init(KEY)
    abstract = jax.eval_shape(net.init, KEY)
    assert jax.tree.structure(abstract) == jax.tree.structure(eager)
    assert [a.shape for a in jax.tree.leaves(abstract)] == [
        a.shape for a in jax.tree.leaves(eager)
    ]
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-6),
        jax.jit(net.init)(KEY),
        eager,
    )


def test_apply_updates_statistics_in_training_only():
    net = from_linen(Labelled(), (5,), LABELS)
    params, stats = net.init(KEY)
    x, y = jax.random.normal(KEY, (6, 5)), jnp.arange(6) % 3
    _, kept = net.apply(params, stats, x, y, train=False)
    out, updated = net.apply(params, stats, x, y, train=True)
    jax.tree.map(np.testing.assert_array_equal, kept, stats)
    np.testing.assert_allclose(out.mean(0), 0.0, atol=1e-6)
    h = (
        np.asarray(x @ params["Dense_0"]["kernel"])
        + np.asarray(params["Embed_0"]["embedding"])[np.asarray(y)]
    )
    moved = updated["batch_stats"]["BatchNorm_0"]["mean"]
    np.testing.assert_allclose(moved, 0.1 * h.mean(0), rtol=1e-4, atol=1e-6)
