"""Where the ports of ProGAN part from the paper's networks."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from flax import linen
from jax.typing import ArrayLike

from gan_jax import tracing
from gan_jax.networks.growing import SMALLEST, resolved
from gan_jax.networks.labels import check_labels
from gan_jax.networks.progan import ProGANDiscriminator, ProGANGenerator
from gan_jax.nn.initializers import Initializer
from gan_jax.nn.layers import Dense, Embed
from gan_jax.types import Array, Outputs


class ProGANPyTorchGenerator(ProGANGenerator):
    """pro_gan_pytorch's: no pixel norm between the first layer and the second."""

    def _normed(self, h: Array, name: str) -> Array:
        return h if name == "project_norm" else super()._normed(h, name)


def rectified_projection(
    h: Array, y: Array | None, num_classes: int | None, kernel_init: Initializer
) -> Array:
    """pro_gan_pytorch's conditional logits: LeakyReLU of the linear one, a projection."""
    logits = Dense(1, kernel_init=kernel_init, name="logit")(h)[:, 0]
    if num_classes is None:
        return logits
    embed = Embed(num_classes, h.shape[-1], name="embed")(check_labels(y, num_classes))
    return jax.nn.leaky_relu(logits, 0.2) + (embed * h).sum(axis=-1)


class GANZooGenerator(ProGANGenerator):
    """pytorch_GAN_zoo's: a bias for each place of the first maps.

    Attributes:
        coarser: weight of the images of the second finest stage, unless the call says.
        squashed: whether images end in a tanh.
    """

    coarser: float = 0.0
    squashed: bool = False

    def __call__(
        self,
        z: Array,
        y: Array | None = None,
        *,
        train: bool = False,
        stage: int | None = None,
        alpha: ArrayLike | None = None,
    ) -> Array:
        """As of `ProGANGenerator`."""
        alpha = 1.0 - self.coarser if alpha is None else alpha
        images = super().__call__(z, y, train=train, stage=stage, alpha=alpha)
        return jnp.tanh(images) if self.squashed else images

    def _first_bias(self) -> Array:
        shape = (SMALLEST, SMALLEST, self.plan.features[0])
        zeros = jax.nn.initializers.zeros
        return self.param("bias", zeros, shape, jnp.float32).astype(self.dtype)[None]


class GANZooDiscriminator(ProGANDiscriminator):
    """pytorch_GAN_zoo's: the stage of 8 x 8 images does not fade in.

    Attributes:
        coarser: weight of what the second finest stage sees, unless the call says.
    """

    coarser: float = 0.0

    def __call__(
        self,
        x: Array,
        y: Array | None = None,
        *,
        train: bool = False,
        stage: int | None = None,
        alpha: ArrayLike | None = None,
    ) -> Array | Outputs:
        """As of `ProGANDiscriminator`."""
        alpha = 1.0 - self.coarser if alpha is None else alpha
        if resolved(stage, self.stages) == 1:
            alpha = 1.0
        return super().__call__(x, y, train=train, stage=stage, alpha=alpha)


class GANZooStddev(linen.Module):
    """pytorch_GAN_zoo's deviation over a minibatch: of neighbouring examples, unbiased.

    Attributes:
        group_size: examples in a group; all, where they do not make whole groups.
        epsilon: added to the variance.
    """

    group_size: int = 4
    epsilon: float = 1e-8

    def __call__(self, x: Array) -> Array:
        """Maps (B, H, W, C) to (B, H, W, C + 1)."""
        everyone = tracing.gather(x).astype(jnp.float32)
        rows = len(everyone)
        size = min(self.group_size, rows)
        size = rows if rows % size else size
        if size == 1:
            means = jnp.zeros((rows,), jnp.float32)
        else:
            groups = everyone.reshape(rows // size, size, -1)
            deviations = jnp.sqrt(groups.var(axis=1, ddof=1) + self.epsilon)
            means = jnp.repeat(deviations.mean(axis=-1), size)
        mine = jnp.take(means, tracing.global_rows(len(x))).astype(x.dtype)
        wide = jnp.broadcast_to(mine[:, None, None, None], (*x.shape[:-1], 1))
        return jnp.concatenate([x, wide], axis=-1)
