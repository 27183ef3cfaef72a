"""Penalties on the size of a critic's logits."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp

from gan_jax import tracing
from gan_jax.numerics import mean32
from gan_jax.types import Array, Critic, Key, Penalty, PyTree, Scalar


def drift() -> Penalty:
    """ProGAN's penalty against drifting logits, E[C(x)^2] on real examples.

    Karras et al. 2017 (arXiv 1710.10196, appendix A.1), weighted by 1e-3 there. A loss of
    differences of logits, as WGAN's, leaves their common level free; this ties it to 0.

    Returns:
        A penalty `(critic, real, fake, key) -> scalar`; with several logits per example it
        is the mean over all of them.
    """

    def penalty(critic: Critic, real: PyTree, fake: PyTree, key: Key) -> Scalar:
        del fake, key
        return mean32(jnp.square(critic(real).astype(jnp.float32)))

    return penalty


class LeCamAverages(NamedTuple):
    """What `lecam` remembers.

    Attributes:
        real: moving average of the mean logit of real examples, float32 ().
        fake: the same of generated examples.
        updates: how often both were updated, int32 ().
    """

    real: Array
    fake: Array
    updates: Array


def lecam_averages() -> LeCamAverages:
    """The averages before the first update."""
    zero = jnp.zeros((), jnp.float32)
    return LeCamAverages(zero, zero, jnp.zeros((), jnp.int32))


def lecam(
    *, decay: float = 0.99, start: int = 1000, rectified: bool = False
) -> Callable[[Array, Array, LeCamAverages], tuple[Scalar, LeCamAverages]]:
    """LeCam regularisation, Tseng et al. 2021 (arXiv 2104.03310).

    E[(D(x) - a_F)^2] + E[(D(G(z)) - a_R)^2], where a_R and a_F are moving averages of the
    mean logits of real and generated examples: each side is held near the other's level.
    The averages take in the present batch first, as in the published code, and are
    constants of the gradient. Under a mapped batch axis they are those of all shards.

    Args:
        decay: weight of the old average per update.
        start: updates before which nothing is penalised, and the averages are just the
            latest means. An accumulated micro-batch counts as an update.
        rectified: the published code's variant, E[relu(D(x) - a_F)^2] +
            E[relu(a_R - D(G(z)))^2]: only logits on their own side of the other's level
            are held back. The paper's weights (0.3 with BigGAN) are for this one.

    Returns:
        `(real_logits, fake_logits, averages) -> (penalty, new averages)`, to be added to
        the discriminator's loss; begin with `lecam_averages()`.

    Raises:
        ValueError: `decay` is outside [0, 1), or `start` is negative.
    """
    if not 0.0 <= decay < 1.0 or start < 0:
        raise ValueError(
            f"lecam needs 0 <= decay < 1 and start >= 0, got {decay} and {start}"
        )

    def distance(above: Array, below: Array) -> Scalar:
        gap = above - below
        return mean32(jnp.square(jax.nn.relu(gap) if rectified else gap))

    def penalty(
        real_logits: Array, fake_logits: Array, averages: LeCamAverages
    ) -> tuple[Scalar, LeCamAverages]:
        real, fake = real_logits.astype(jnp.float32), fake_logits.astype(jnp.float32)
        kept = jnp.where(averages.updates < start, 0.0, decay)
        new = jax.lax.stop_gradient(_moved(averages, real, fake, kept))
        value = distance(real, new.fake) + distance(new.real, fake)
        return jnp.where(averages.updates < start, 0.0, value), new

    return penalty


def _moved(
    averages: LeCamAverages, real: Array, fake: Array, decay: Scalar
) -> LeCamAverages:
    """The averages with one more batch in them."""
    means = tracing.pmean((mean32(real), mean32(fake)))
    old = (averages.real, averages.fake)
    new = [m + decay * (a - m) for a, m in zip(old, means, strict=True)]
    return LeCamAverages(new[0], new[1], averages.updates + 1)
