"""Reconstruction losses: how far images, codes or features are from given ones.

A distance is `(x, y) -> scalar` on arrays of one shape, a mean over all elements in
float32.
"""

from __future__ import annotations

from collections.abc import Callable

import jax
import jax.numpy as jnp

from gan_jax.losses.arithmetic import bounded_exp, f32
from gan_jax.numerics import mean32, sum_per_example
from gan_jax.types import Array, PyTree, Scalar

Distance = Callable[[Array, Array], Scalar]


def l1(x: Array, y: Array) -> Scalar:
    """Mean absolute error E|x - y|; as in pix2pix (arXiv 1611.07004, equation 3)."""
    return mean32(jnp.abs(f32(x) - f32(y)))


def l2(x: Array, y: Array) -> Scalar:
    """Mean squared error E(x - y)^2; as in SRGAN (arXiv 1609.04802, equation 4)."""
    return mean32(jnp.square(f32(x) - f32(y)))


def cycle_consistency(
    x: Array, x_again: Array, y: Array, y_again: Array, distance: Distance = l1
) -> Scalar:
    """CycleGAN's cycle loss (arXiv 1703.10593, equation 2).

    E||F(G(x)) - x||_1 + E||G(F(y)) - y||_1, per element.

    Args:
        x: examples of the first domain, (batch, ...).
        x_again: F(G(x)), there and back.
        y: examples of the second domain, (batch, ...).
        y_again: G(F(y)).
        distance: of each side.

    Returns:
        float32 ().
    """
    return distance(x, x_again) + distance(y, y_again)


def identity_mapping(
    x: Array, x_mapped: Array, y: Array, y_mapped: Array, distance: Distance = l1
) -> Scalar:
    """CycleGAN's identity loss (arXiv 1703.10593, section 5.2).

    E||F(x) - x||_1 + E||G(y) - y||_1, per element: a translator leaves alone what is in its
    target domain already.

    Args:
        x: examples of the first domain, (batch, ...).
        x_mapped: F(x), by the translator into that same domain.
        y: examples of the second domain, (batch, ...).
        y_mapped: G(y).
        distance: of each side.

    Returns:
        float32 ().
    """
    return distance(x, x_mapped) + distance(y, y_mapped)


def gaussian_kl(mean: Array, log_variance: Array) -> Scalar:
    """KL(N(mean, diag(variance)) || N(0, I)), Kingma and Welling 2013 (arXiv 1312.6114,
    appendix B).

    Args:
        mean: (batch, ...), any float type.
        log_variance: of the same shape.

    Returns:
        Nats, float32 (): summed over an example's dimensions, mean over examples.
    """
    mean, log_variance = f32(mean), f32(log_variance)
    variance = bounded_exp(log_variance)
    return 0.5 * mean32(sum_per_example(jnp.square(mean) + variance - 1.0 - log_variance))


def feature_distance(
    features: Callable[[Array], PyTree],
    weights: PyTree = 1.0,
    distance: Distance = l2,
) -> Distance:
    """A perceptual distance in the features of any network.

    The sum over leaves of weight * distance(features(x), features(y)): SRGAN's content loss
    with one layer of VGG (arXiv 1609.04802, equation 5), VAEGAN's with a layer of the
    discriminator (arXiv 1512.09300), or several layers at once.

    Args:
        features: `(images) -> pytree` of arrays with a leading batch axis; parameters and
            mode closed over.
        weights: factors of the leaves, a pytree of numbers: one number, or any prefix of
            the structure of the features.
        distance: of each leaf.

    Returns:
        `(x, y) -> scalar`, differentiable in both through the features.
    """

    def between(x: Array, y: Array) -> Scalar:
        apart = jax.tree.map(distance, features(x), features(y))
        weighted = jax.tree.map(
            lambda w, part: sum(w * leaf for leaf in jax.tree.leaves(part)), weights, apart
        )
        return sum(jax.tree.leaves(weighted), jnp.zeros((), jnp.float32))

    return between
