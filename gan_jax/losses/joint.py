"""Losses of games in which more than the generator fools the discriminator: an encoder on
the real side does so too, or nobody does; and of several games at once.
"""

from __future__ import annotations

from collections.abc import Callable

import jax
import jax.numpy as jnp

from gan_jax.losses.adversarial import zero
from gan_jax.losses.arithmetic import f32
from gan_jax.numerics import mean32, sum_per_example
from gan_jax.types import AdversarialLoss, Array, MeanLoss, Scalar


def swapped(base: MeanLoss) -> MeanLoss:
    """Generator and encoder minimise the discriminator's loss with its sides exchanged
    (BiGAN, 1605.09782, section 3.4; ALI, 1606.00704, section 2.2).

    Args:
        base: whose discriminator's side it is; over `non_saturating` it is
            E[softplus(D(x, E(x)))] + E[softplus(-D(G(z), z))].
    """

    def makers(real_logits: Array, fake_logits: Array) -> Scalar:
        return base.discriminator(fake_logits, real_logits)

    return MeanLoss(base.discriminator, makers)


def one_sided(base: MeanLoss) -> MeanLoss:
    """The discriminator's side of a loss, and nothing for a generator that only matches
    features (1606.03498, section 3.1).
    """
    return MeanLoss(base.discriminator, zero.generator)


def per_domain(base: AdversarialLoss) -> AdversarialLoss:
    """The sum of a loss over several domains, each a game of its own (CoGAN, 1606.07536,
    eq. 5).

    Args:
        base: of one domain.

    Returns:
        A loss of logits (batch, domains), and one of means if `base` is.
    """

    def over(side: Callable[[Array, Array], Scalar]) -> Callable[[Array, Array], Scalar]:
        return lambda real_logits, fake_logits: jnp.sum(
            jax.vmap(side, in_axes=1)(real_logits, fake_logits)
        )

    if base is zero:
        return zero
    kind = MeanLoss if isinstance(base, MeanLoss) else AdversarialLoss
    return kind(over(base.discriminator), over(base.generator))


def _summed(terms: Array) -> Scalar:
    """Scores of an example (B, S) or one (B,) added up, and the mean over examples."""
    return mean32(sum_per_example(terms))


def _hinges(real_logits: Array, fake_logits: Array) -> Scalar:
    real = _summed(jax.nn.relu(1.0 - f32(real_logits)))
    return real + _summed(jax.nn.relu(1.0 + f32(fake_logits)))


def _gaps(real_logits: Array, fake_logits: Array) -> Scalar:
    return _summed(f32(real_logits)) - _summed(f32(fake_logits))


joint_hinge = MeanLoss(_hinges, _gaps)
"""BigBiGAN, Donahue and Simonyan 2019 (arXiv 1907.02544, section 2), on several scores of
each pair (batch, scores), there s_x, s_z and s_xz.

Discriminator: the sum over scores of E[relu(1 - s)] on the real side and E[relu(1 + s)] on
the generated one. Generator and encoder: the sum of E[s] on the real side, less the same of
the generated one.
"""
