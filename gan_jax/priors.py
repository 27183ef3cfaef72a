"""Latent distributions, written for one example: `prior(key) -> z`."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp
import numpy as np

from gan_jax.types import Array, Key

Prior = Callable[[Key], Array]


def normal(dim: int) -> Prior:
    """Standard normal latents, float32 (dim,)."""
    return lambda key: jax.random.normal(key, (dim,))


def uniform(dim: int) -> Prior:
    """Latents uniform on [-1, 1]^dim, float32 (dim,), as DCGAN uses (1511.06434)."""
    return lambda key: jax.random.uniform(key, (dim,), minval=-1.0, maxval=1.0)


def truncated_normal(dim: int, threshold: float) -> Prior:
    """Normal latents of which each value beyond the threshold is drawn again.

    BigGAN's truncation trick (1809.11096, section 3.1), as a distribution: the normal one
    on |z_i| < threshold. Not scaled: for the threshold 0.5 the standard deviation is 0.28.

    Args:
        dim: number of values.
        threshold: in standard deviations.

    Returns:
        A prior, float32 (dim,).

    Raises:
        ValueError: the threshold is not positive.
    """
    if not threshold > 0.0:
        raise ValueError(f"truncated_normal needs a threshold > 0, got {threshold}")
    return lambda key: jax.random.truncated_normal(key, -threshold, threshold, (dim,))


def censored_normal(dim: int) -> Prior:
    """Standard normal latents with negative values put to 0 (1809.11096, appendix E)."""
    return lambda key: jax.nn.relu(jax.random.normal(key, (dim,)))


def bernoulli(dim: int) -> Prior:
    """Fair bits, 0 or 1 as float32 (dim,) (1809.11096, appendix E)."""
    return lambda key: jax.random.bernoulli(key, shape=(dim,)).astype(jnp.float32)


def hypersphere(dim: int, radius: float | None = None) -> Prior:
    """Latents uniform on a sphere around 0, float32 (dim,).

    Args:
        dim: number of values.
        radius: sqrt(dim) by default, as ProGAN normalises its latents (1710.10196): their
            mean square is 1.

    Returns:
        A prior.

    Raises:
        ValueError: the radius is not positive.
    """
    length = math.sqrt(dim) if radius is None else radius
    if not length > 0.0:
        raise ValueError(f"hypersphere needs a dim and a radius > 0, got {dim}, {radius}")

    def prior(key: Key) -> Array:
        z = jax.random.normal(key, (dim,))
        return z * (length / jnp.linalg.norm(z))

    return prior


def categorical(
    classes: int, probabilities: Sequence[float] | None = None, *, codes: int = 1
) -> Prior:
    """Discrete codes, one-hot, float32 (codes * classes,).

    Args:
        classes: number of values of a code.
        probabilities: of the values, up to a factor; all equal by default.
        codes: number of independent codes, one after the other.

    Returns:
        A prior.

    Raises:
        ValueError: there is not one probability >= 0 per class, or their sum is 0.
    """
    logits = _log_weights("probabilities", probabilities, classes)

    def prior(key: Key) -> Array:
        index = jax.random.categorical(key, logits, shape=(codes,))
        return jax.nn.one_hot(index, classes, dtype=jnp.float32).reshape(-1)

    return prior


def gaussian_mixture(
    means: Sequence[Sequence[float]] | np.ndarray,
    scale: float,
    weights: Sequence[float] | None = None,
) -> Prior:
    """A mixture of Gaussians with one standard deviation.

    Args:
        means: (components, dim).
        scale: the standard deviation of every value around its mean.
        weights: of the components, up to a factor; all equal by default.

    Returns:
        A prior, float32 (dim,).

    Raises:
        ValueError: `means` has another rank, or there is not one weight >= 0 per component.
    """
    centres = np.asarray(means, np.float32)
    if centres.ndim != 2:
        raise ValueError(f"means must be (components, dim), got shape {centres.shape}")
    logits = _log_weights("weights", weights, len(centres))

    def prior(key: Key) -> Array:
        which, noise = jax.random.split(key)
        centre = jnp.asarray(centres)[jax.random.categorical(which, logits)]
        return centre + scale * jax.random.normal(noise, centre.shape)

    return prior


def _log_weights(name: str, weights: Sequence[float] | None, count: int) -> np.ndarray:
    """Logarithms of positive weights, -inf for 0, float32 (count,)."""
    values = np.ones(count) if weights is None else np.asarray(weights, np.float64)
    if values.shape != (count,) or not (values >= 0.0).all() or not values.sum() > 0.0:
        raise ValueError(
            f"{name} must be {count} numbers >= 0 that are not all 0, got {weights}"
        )
    with np.errstate(divide="ignore"):
        return np.log(values).astype(np.float32)


def concatenate(*parts: Prior) -> Prior:
    """Independent parts one after the other, each from a stream of its own.

    InfoGAN's latents on digits (1606.03657, appendix C.1) are
    `concatenate(normal(62), categorical(10), uniform(2))`.

    Raises:
        ValueError: there is no part.
    """
    if not parts:
        raise ValueError("concatenate needs at least one prior")

    def prior(key: Key) -> Array:
        keys = jax.random.split(key, len(parts))
        return jnp.concatenate([part(k) for part, k in zip(parts, keys, strict=True)])

    return prior
