"""Relativistic losses: how much more real the real examples look than the fake ones.

Jolicoeur-Martineau 2018 (arXiv 1807.00734).
"""

from __future__ import annotations

from collections.abc import Callable

import jax.numpy as jnp

from gan_jax.losses.adversarial import least_squares
from gan_jax.losses.arithmetic import f32
from gan_jax.numerics import mean32
from gan_jax.types import AdversarialLoss, Array, MeanLoss, Scalar

_Side = Callable[[Array, Array], Scalar]


def _signed_least_squares(above: Array, below: Array) -> Scalar:
    return mean32(jnp.square(above - 1.0)) + mean32(jnp.square(below + 1.0))


def _against_the_mean(base: _Side, above: Array, below: Array) -> Scalar:
    return base(above - jnp.mean(below), below - jnp.mean(above))


def _in_pairs(base: _Side, above: Array, below: Array) -> Scalar:
    if above.shape != below.shape:
        raise ValueError(
            f"paired relativistic losses need as many real as fake logits, got shapes "
            f"{above.shape} and {below.shape}; use average=True"
        )
    difference = above - below
    return 0.5 * base(difference, -difference)


def relativistic(base: AdversarialLoss, average: bool = True) -> AdversarialLoss:
    """Turns a loss on logits into one on differences of logits (arXiv 1807.00734).

    With E[f1(C(x))] + E[f2(C(x~))] the discriminator loss of the base, x real, x~ = G(z):

    average, RaGAN (section 4): E[f1(C(x) - E C(x~))] + E[f2(C(x~) - E C(x))]. Over
        `non_saturating` it is RaSGAN, over `least_squares` RaLSGAN, over `hinge`
        RaHingeGAN; over `wasserstein` it is twice the Wasserstein loss.
    paired, RGAN (section 4): the mean of the two halves of
        E[f1(C(x) - C(x~))] + E[f2(C(x~) - C(x))] over pairs of the i-th real with the i-th
        fake example. In every base above f2(y) = f1(-y), so this is E[f1(C(x) - C(x~))]:
        RSGAN, which R3GAN (arXiv 2501.05441, equation 2) calls RpGAN.

    The generator's loss is the same with the roles of real and fake swapped. Only the
    base's discriminator is used, so `minimax` and `non_saturating` give the same. A
    difference of 0 says nothing, so least squares takes its targets from the paper, +1 and
    -1 and no factor 1/2: RaLSGAN is E[(C(x) - E C(x~) - 1)^2] + E[(C(x~) - E C(x) + 1)^2].

    Args:
        base: a loss that is a mean over logits (a `MeanLoss`).
        average: compare each logit with the mean of the other side, not with its pair.

    Returns:
        A loss over logits of any shape and float type; float32 scalars. It couples the
        examples of a batch, so it is no `MeanLoss`; means are over the logits given.

    Raises:
        ValueError: the base is no mean over logits (it is relativistic already).
    """
    if not isinstance(base, MeanLoss):
        raise ValueError(
            "relativistic(base) needs a base that is a mean over single logits, such as "
            "non_saturating or hinge; this one compares logits already"
        )
    side = _signed_least_squares if base == least_squares else base.discriminator
    compare = _against_the_mean if average else _in_pairs

    def discriminator(real_logits: Array, fake_logits: Array) -> Scalar:
        return compare(side, f32(real_logits), f32(fake_logits))

    def generator(real_logits: Array, fake_logits: Array) -> Scalar:
        return compare(side, f32(fake_logits), f32(real_logits))

    return AdversarialLoss(discriminator, generator)
