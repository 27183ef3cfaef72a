"""Losses of one generator against one discriminator, on logits.

Logits may have any shape and float type; every mean is over all their elements, in
float32. Nothing takes the logarithm of a probability, so losses and their gradients are
finite wherever the logits are.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp

from gan_jax.numerics import mean32
from gan_jax.types import Array, MeanLoss, Scalar


def _f32(logits: Array) -> Array:
    # Before any nonlinearity: bfloat16 keeps 8 bits, and 1 - logit loses most of them.
    return logits.astype(jnp.float32)


def _cross_entropy_discriminator(real_logits: Array, fake_logits: Array) -> Scalar:
    real = mean32(jax.nn.softplus(-_f32(real_logits)))
    return real + mean32(jax.nn.softplus(_f32(fake_logits)))


def _minimax_generator(real_logits: Array, fake_logits: Array) -> Scalar:
    del real_logits
    return -mean32(jax.nn.softplus(_f32(fake_logits)))


def _non_saturating_generator(real_logits: Array, fake_logits: Array) -> Scalar:
    del real_logits
    return mean32(jax.nn.softplus(-_f32(fake_logits)))


def _hinge_discriminator(real_logits: Array, fake_logits: Array) -> Scalar:
    real = mean32(jax.nn.relu(1.0 - _f32(real_logits)))
    return real + mean32(jax.nn.relu(1.0 + _f32(fake_logits)))


def _least_squares_discriminator(real_logits: Array, fake_logits: Array) -> Scalar:
    real = mean32(jnp.square(_f32(real_logits) - 1.0))
    return 0.5 * real + 0.5 * mean32(jnp.square(_f32(fake_logits)))


def _least_squares_generator(real_logits: Array, fake_logits: Array) -> Scalar:
    del real_logits
    return 0.5 * mean32(jnp.square(_f32(fake_logits) - 1.0))


def _wasserstein_discriminator(real_logits: Array, fake_logits: Array) -> Scalar:
    return mean32(fake_logits) - mean32(real_logits)


def _raise_fake_logits(real_logits: Array, fake_logits: Array) -> Scalar:
    del real_logits
    return -mean32(fake_logits)


def _nothing(real_logits: Array, fake_logits: Array) -> Scalar:
    del real_logits, fake_logits
    return jnp.zeros((), jnp.float32)


minimax = MeanLoss(_cross_entropy_discriminator, _minimax_generator)
"""The two-player zero-sum game of Goodfellow et al. 2014 (arXiv 1406.2661, equation 1).

Discriminator: E[softplus(-D(x))] + E[softplus(D(G(z)))].
Generator: -E[softplus(D(G(z)))] = E[log(1 - sigmoid(D(G(z))))], whose gradient vanishes
where the discriminator is sure ("saturating").
"""

non_saturating = MeanLoss(_cross_entropy_discriminator, _non_saturating_generator)
"""The generator's alternative of the same paper (section 3).

Discriminator: as in `minimax`. Generator: E[softplus(-D(G(z)))].
"""

hinge = MeanLoss(_hinge_discriminator, _raise_fake_logits)
"""Geometric GAN, Lim and Ye 2017 (arXiv 1705.02894).

Discriminator: E[relu(1 - D(x))] + E[relu(1 + D(G(z)))]. Generator: -E[D(G(z))].
"""

least_squares = MeanLoss(_least_squares_discriminator, _least_squares_generator)
"""LSGAN, Mao et al. 2016 (arXiv 1611.04076, equation 9: targets 0 for fake, 1 for real).

Discriminator: 1/2 E[(D(x) - 1)^2] + 1/2 E[D(G(z))^2]. Generator: 1/2 E[(D(G(z)) - 1)^2].
"""

wasserstein = MeanLoss(_wasserstein_discriminator, _raise_fake_logits)
"""Wasserstein GAN, Arjovsky et al. 2017 (arXiv 1701.07875, equations 2 and 3).

Critic: E[C(G(z))] - E[C(x)], the negated estimate of the distance. It needs a Lipschitz
critic: weight clipping (`optim.keep_params_in_box`), a gradient penalty or spectral norm.
Generator: -E[C(G(z))].
"""

zero = MeanLoss(_nothing, _nothing)
"""Nothing, for games in which terms take the place of an adversarial loss."""
