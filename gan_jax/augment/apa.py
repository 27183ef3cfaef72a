"""Adaptive pseudo augmentation, Jiang et al. 2021 (arXiv 2111.06849)."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from gan_jax import prng, trees
from gan_jax.types import Array, Key, PyTree


def apa(keys: Key, real: PyTree, fake: PyTree, p: ArrayLike) -> PyTree:
    """Real examples, each with probability p replaced by a generated one.

    For the discriminator's "real" side; what is replaced stays a generated example to the
    eye, so the discriminator is deceived and overfits less. `controller` steers p: its r_t
    is the paper's lambda_r, its defaults are the paper's. The paper generates the pseudo
    examples anew, apart from those of the "fake" side.

    Args:
        keys: one typed key per example, or one for all.
        real: real examples, pytree of float (B, ...).
        fake: generated examples of the same structure and types. No gradient passes.
        p: a probability, which may be traced.

    Returns:
        Like `real`. For p = 0, `real` to the bit.
    """
    n = trees.batch_size((real, fake))
    chance = jnp.asarray(p, jnp.float32)
    replace = prng.draw(
        prng.stream(prng.per_example(keys, n), "apa"),
        lambda key: jax.random.bernoulli(key, chance),
    )

    def one(x: Array, y: Array) -> Array:
        chosen = replace.reshape((-1,) + (1,) * (x.ndim - 1))
        return jnp.where(chosen, jax.lax.stop_gradient(y), x)

    return jax.tree.map(one, real, fake)
