"""Reversible residual networks (RevNets, 1707.04585), to be trained as encoders.

As in the public code of 1901.09005, whose RevNet-50 BigBiGAN (1907.02544) has four times as
wide, a unit is one half of the paper's block and exchanges the halves of the channels. The
count agrees: 86 million parameters are given for the encoder of BigBiGAN's best results.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
from flax import linen
from jax.typing import DTypeLike

from gan_jax.networks.resnet_v2 import BLOCKS, GROWTH, PreActivatedBottleneck, Stem
from gan_jax.nn.initializers import Initializer, he_uniform
from gan_jax.nn.norm import BatchNorm, NormFactory, normalise
from gan_jax.nn.remat import called
from gan_jax.nn.resample import avg_pool, global_mean_pool
from gan_jax.types import Array


class ReversibleStage(linen.Module):
    """Units `(x1, x2) -> (x2, x1 + F(x2))` of one resolution.

    Two in a row are a block of the paper, y1 = x1 + F(x2) and y2 = x2 + G(y1) (eq. 6). Each
    can be undone, so a network could keep its last activations alone; with `remat` it keeps
    one half of the channels per unit, and nothing of the inside of branches, without the
    rounding errors of undoing in half precision.

    Attributes:
        units: how many.
        norm: factory of the normalisation of the branches.
        remat: whether the backward pass computes the inside of branches again.
        kernel_init: initialiser of the kernels.
        dtype: compute type.
    """

    units: int
    norm: NormFactory = BatchNorm
    remat: bool = False
    kernel_init: Initializer = he_uniform()
    dtype: DTypeLike = jnp.float32

    @linen.compact
    def __call__(self, x1: Array, x2: Array, *, train: bool = False) -> tuple[Array, Array]:
        """Maps two arrays (B, H, W, C) to two of the same shape."""
        for number in range(self.units):
            branch = PreActivatedBottleneck(
                x2.shape[-1],
                shortcut=False,
                norm=self.norm,
                kernel_init=self.kernel_init,
                dtype=self.dtype,
                name=f"branch_{number}",
            )
            x1, x2 = x2, x1 + called(branch, x2, remat=self.remat, train=train)
        return x1, x2


class RevNet(linen.Module):
    """Stem, stages of reversible units, norm, means over space: an image's features.

    Between stages the resolution is halved by means and the channels are doubled by zeros.

    Attributes:
        blocks: units of each resolution; (3, 4, 6, 3) is RevNet-50.
        width: a quarter of the stem's channels; the features are 4 * 2 ** (len(blocks) - 1)
            times as many, 2048 for 64 and four resolutions.
        multiple: of the width; 4 is RevNet-50 x 4, with 8192 features.
        reduce: whether the stem divides the resolution by 4; see `resnet_v2.Stem`.
        rectified: whether a ReLU follows the last norm. In the public code none does, so
            that features keep their signs.
        norm: factory of the normalisation.
        remat: see `ReversibleStage`.
        kernel_init: initialiser of the kernels.
        dtype: compute type; parameters, statistics, pooling and features are float32.
    """

    blocks: tuple[int, ...] = BLOCKS
    width: int = 64
    multiple: int = 1
    reduce: bool = True
    rectified: bool = False
    norm: NormFactory = BatchNorm
    remat: bool = False
    kernel_init: Initializer = he_uniform()
    dtype: DTypeLike = jnp.float32

    @linen.compact
    def __call__(self, x: Array, *, train: bool = False) -> Array:
        """Maps images (B, H, W, C) of any size to features (B, F)."""
        channels = GROWTH * self.width * self.multiple
        stem = Stem(channels, self.reduce, self.kernel_init, self.dtype, name="stem")
        x1, x2 = jnp.split(stem(x), 2, axis=-1)
        for index, units in enumerate(self.blocks):
            if index > 0:
                x1, x2 = _widened(x1, before=True), _widened(x2, before=False)
            stage = ReversibleStage(
                units,
                self.norm,
                self.remat,
                self.kernel_init,
                self.dtype,
                name=f"stage_{index}",
            )
            x1, x2 = stage(x1, x2, train=train)
        h = jnp.concatenate([x1, x2], axis=-1)
        h = normalise(self.norm, h, None, train=train, name="norm")
        if self.rectified:
            h = jax.nn.relu(h)
        return global_mean_pool(h.astype(jnp.float32))


def _widened(x: Array, *, before: bool) -> Array:
    """Means of 2 x 2 blocks, the last of odd sides being smaller, and as many channels of
    zeros, before or after: (B, H, W, C) to (B, ceil(H / 2), ceil(W / 2), 2 C).
    """
    rest = [(0, side % 2) for side in x.shape[1:3]]
    x = avg_pool(jnp.pad(x, [(0, 0), *rest, (0, 0)], mode="edge"))
    zeros = jnp.zeros_like(x)
    return jnp.concatenate([zeros, x] if before else [x, zeros], axis=-1)
