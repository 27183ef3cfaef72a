"""Path length regularisation of a generator."""

from __future__ import annotations

import math
from collections.abc import Callable

import jax
import jax.numpy as jnp

from gan_jax import prng, tracing
from gan_jax.numerics import mean32, safe_sqrt
from gan_jax.types import Array, Key, Scalar

PathLength = Callable[[Callable[[Array], Array], Array, Key, Array], tuple[Scalar, Array]]
"""`(generate, w, keys, mean) -> (penalty, new mean)`."""


def path_length(*, decay: float = 0.01) -> PathLength:
    """Path length regularisation, Karras et al. 2019 (arXiv 1912.04958, equation 4).

    E[(||J_w^T y||_2 - a)^2], y ~ N(0, I) / sqrt(H * W) per example: a step in w shall
    change the image by the same amount everywhere. The constant a is the moving average of
    the lengths, with the present batch in it, over all shards of a mapped batch axis.

    The paper takes a for a constant of the gradient, and so does this; its published code
    lets the `decay`th part of the gradient through it.

    Args:
        decay: weight of the present batch in the moving average.

    Returns:
        `(generate, w, keys, mean) -> (penalty, new mean)`:
            generate: `(w) -> images (B, H, W, C)`, which treats examples independently.
            w: intermediate latents, (B, D), or one per layer, (B, layers, D); then the
                squared length is the mean over layers, as in the published code.
            keys: one typed key, or one per example.
            mean: the moving average, float32 (); it begins as 0.

    Raises:
        ValueError: `decay` is outside (0, 1].
    """
    if not 0.0 < decay <= 1.0:
        raise ValueError(f"path_length needs 0 < decay <= 1, got {decay}")

    def penalty(
        generate: Callable[[Array], Array], w: Array, keys: Key, mean: Array
    ) -> tuple[Scalar, Array]:
        lengths = _lengths(generate, w, keys)
        present = tracing.pmean(mean32(jax.lax.stop_gradient(lengths)))
        new = mean + decay * (present - mean)
        return mean32(jnp.square(lengths - new)), new

    return penalty


def _lengths(generate: Callable[[Array], Array], w: Array, keys: Key) -> Array:
    """||J_w^T y|| of every example, float32 (B,)."""
    images, pull = jax.vjp(generate, w)
    shape = images.shape[1:]
    noise = prng.draw(
        prng.per_example(keys, w.shape[0]),
        lambda key: jax.random.normal(key, shape, jnp.float32),
    )
    (gradient,) = pull((noise / math.sqrt(shape[0] * shape[1])).astype(images.dtype))
    square = jnp.sum(jnp.square(gradient.astype(jnp.float32)), axis=-1)
    square = jnp.mean(square, axis=tuple(range(1, square.ndim)))
    # The plain root gives inf * 0 = nan where an image does not depend on w.
    return safe_sqrt(square)
