"""Semi-supervised GANs: a discriminator that names one of K classes, or "generated".

Salimans et al. 2016 (arXiv 1606.03498, section 5). A softmax over K + 1 logits is
over-parameterised, so the logit of "generated" is fixed at 0 and a discriminator returns K
class logits l. With Z = sum_k exp(l_k), D(x) = Z / (Z + 1), whose logit is log Z.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp

from gan_jax import tracing
from gan_jax.losses.adversarial import non_saturating
from gan_jax.losses.arithmetic import cross_entropy, f32
from gan_jax.numerics import mean32
from gan_jax.types import Array, MeanLoss, Scalar


def class_evidence(class_logits: Array) -> Array:
    """The log of sum_k exp(l_k), the logit of "real" (arXiv 1606.03498, section 5).

    Args:
        class_logits: (..., classes), any float type.

    Returns:
        Logits, float32 (...), for any adversarial loss or penalty.
    """
    return jax.nn.logsumexp(f32(class_logits), axis=-1)


def unsupervised(base: MeanLoss = non_saturating) -> MeanLoss:
    """L_unsupervised of the paper: an adversarial loss on class logits.

    Over a logistic base the discriminator's is -E[log D(x)] - E[log(1 - D(G(z)))] with
    D = Z / (Z + 1). The paper trains its generator by feature matching instead
    (`feature_matching`).

    Args:
        base: a loss on the logits log Z.

    Returns:
        A loss of class logits (batch, classes), labelled or not.
    """

    def discriminator(real_logits: Array, fake_logits: Array) -> Scalar:
        return base.discriminator(class_evidence(real_logits), class_evidence(fake_logits))

    def generator(real_logits: Array, fake_logits: Array) -> Scalar:
        return base.generator(class_evidence(real_logits), class_evidence(fake_logits))

    return MeanLoss(discriminator, generator)


def supervised(class_logits: Array, labels: Array) -> Scalar:
    """L_supervised of the paper: -E[log p(y | x, y < K + 1)] over the labelled examples.

    Under a mapped batch axis it is divided by the labelled examples of an average shard, so
    that the mean over shards is the mean over all labelled examples.

    Args:
        class_logits: of real examples, (batch, classes), any float type.
        labels: int (batch,); below 0 where an example has no label.

    Returns:
        float32 (); 0 where no example has a label.
    """
    known = (labels >= 0).astype(jnp.float32)
    count = tracing.pmean(mean32(known))
    total = mean32(known * cross_entropy(class_logits, labels))
    return total / jnp.where(count > 0.0, count, 1.0)
