"""Label smoothing for discriminators that are classifiers.

Salimans et al. 2016 (arXiv 1606.03498, section 3.4).
"""

from __future__ import annotations

import jax

from gan_jax.losses.adversarial import non_saturating
from gan_jax.losses.arithmetic import f32
from gan_jax.numerics import mean32
from gan_jax.types import AdversarialLoss, Array, MeanLoss, Scalar


def label_smoothing(
    base: AdversarialLoss = non_saturating, *, real: float = 0.9, fake: float = 0.0
) -> MeanLoss:
    """A logistic loss whose discriminator is trained on soft targets.

    Discriminator: E[H(real, D(x))] + E[H(fake, D(G(z)))] with the cross entropy
    H(t, l) = t softplus(-l) + (1 - t) softplus(l) of the target probability t and the
    logit l. The optimal discriminator is then (real p + fake q) / (p + q); with
    `fake` > 0 it rewards a generator for staying where it is, so the paper smooths one
    side only. Generator: the base's, unchanged.

    Args:
        base: `minimax` or `non_saturating`. Other losses have no target probabilities.
        real: target of real examples; 1 is no smoothing.
        fake: target of generated examples; above 0 is two-sided smoothing.

    Returns:
        A loss over logits of any shape and float type; float32 scalars.

    Raises:
        ValueError: the base is not logistic, or not 0 <= fake < real <= 1.
    """
    if base.discriminator is not non_saturating.discriminator:
        raise ValueError(
            "label smoothing needs a discriminator with target probabilities: wrap minimax "
            "or non_saturating"
        )
    if not 0.0 <= fake < real <= 1.0:
        raise ValueError(f"need 0 <= fake < real <= 1, got real={real}, fake={fake}")

    def discriminator(real_logits: Array, fake_logits: Array) -> Scalar:
        return _soft(real_logits, real) + _soft(fake_logits, fake)

    return MeanLoss(discriminator, base.generator)


def _soft(logits: Array, target: float) -> Scalar:
    # softplus(l) - t l is shorter, but at large logits it is a difference of large numbers.
    logits = f32(logits)
    real, fake = jax.nn.softplus(-logits), jax.nn.softplus(logits)
    return mean32(target * real + (1.0 - target) * fake)
