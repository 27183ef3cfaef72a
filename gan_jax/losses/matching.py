"""Feature matching: generated batches with the mean features of real ones."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from gan_jax import tracing
from gan_jax.losses.arithmetic import f32
from gan_jax.types import Array, PyTree, Scalar


def feature_matching(real_features: PyTree, fake_features: PyTree) -> Scalar:
    """||E f(x) - E f(G(z))||_2^2, Salimans et al. 2016 (arXiv 1606.03498, section 3.1).

    The means are over the global batch: under a mapped batch axis (`tracing.batch_axis`)
    they are averaged over it. With accumulated micro-batches they are each micro-batch's.

    Args:
        real_features: pytree of (batch, ...), any float type, of real examples; an
            intermediate layer of the discriminator in the paper.
        fake_features: the same of generated examples; the batches may differ in size.

    Returns:
        float32 (), the squared norm summed over all elements of all leaves.
    """

    def square(real: Array, fake: Array) -> Scalar:
        gap = jnp.mean(f32(real), axis=0) - jnp.mean(f32(fake), axis=0)
        return jnp.sum(jnp.square(_global_mean(gap)))

    squares = jax.tree.map(square, real_features, fake_features)
    return sum(jax.tree.leaves(squares), jnp.zeros((), jnp.float32))


def _global_mean(x: Array) -> Array:
    # Varying again, so that the gradients of the shards have the gradient of the whole as
    # their mean even where nothing else in the loss differs between shards.
    return tracing.varying(tracing.pmean(x))
