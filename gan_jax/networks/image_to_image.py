"""What networks from images to images share: residual blocks, and the sizes they take."""

from __future__ import annotations

from functools import partial

import jax
import jax.numpy as jnp
from flax import linen
from jax.typing import DTypeLike

from gan_jax.nn.activations import Activation
from gan_jax.nn.initializers import Initializer, normal
from gan_jax.nn.layers import Conv
from gan_jax.nn.noise import dropout
from gan_jax.nn.norm import InstanceNorm, NormFactory, normalise
from gan_jax.nn.padding import pad2d
from gan_jax.types import Array, Key


class ResidualBlock(linen.Module):
    """The input and, added to it, two 3 x 3 convolutions with a normalisation after each
    and an activation between: that of 1603.08155, with nothing after the sum.

    Attributes:
        activation: between the convolutions; called inside the block, which owns what it
            creates.
        norm: factory of the normalisations; None for none.
        use_bias: whether the convolutions have biases.
        padding: "reflect", "replicate" or "zero".
        dropout: rate of dropout between the convolutions.
        kernel_init: initialiser of the kernels.
        dtype: compute type; parameters and statistics are float32.
    """

    activation: Activation = jax.nn.relu
    norm: NormFactory | None = InstanceNorm
    use_bias: bool = False
    padding: str = "zero"
    dropout: float = 0.0
    kernel_init: Initializer = normal(0.02)
    dtype: DTypeLike = jnp.float32

    @linen.compact
    def __call__(self, x: Array, *, keys: Key | None = None, train: bool = False) -> Array:
        """Maps (B, H, W, C) to the same shape; `keys` (B,) are of the dropout, None for
        none.
        """
        conv = partial(
            Conv,
            x.shape[-1],
            use_bias=self.use_bias,
            kernel_init=self.kernel_init,
            dtype=self.dtype,
            padding="VALID",
        )
        h = conv(name="conv_0")(pad2d(x, 1, self.padding))
        h = normalise(self.norm, h, None, train=train, name="norm_0")
        h = dropout(self.activation(h), keys, self.dropout, f"{self.name}_dropout")
        h = conv(name="conv_1")(pad2d(h, 1, self.padding))
        return x + normalise(self.norm, h, None, train=train, name="norm_1")


def check_sides(x: Array, multiple: int) -> None:
    """Refuses images that a network would not give back in their own size.

    Raises:
        ValueError: a side is no multiple of `multiple`.
    """
    height, width = x.shape[1:3]
    if height % multiple or width % multiple:
        raise ValueError(
            f"this network takes images whose sides are multiples of {multiple}, got "
            f"{height} x {width}: resize, crop or pad them"
        )
