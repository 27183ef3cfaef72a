"""ProGAN (1710.10196): networks that grow from 4 x 4 images to 1024 x 1024.

Kernels are drawn from N(0, 1) and made for an equalised learning rate
(`transforms.equalized_lr`), which scales them for the forward pass.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
from flax import linen
from jax.typing import ArrayLike, DTypeLike

from gan_jax.networks.growing import (
    SMALLEST,
    faded,
    resolved,
    side_of,
    stages_of,
    weights_of,
)
from gan_jax.networks.heads import Head, projection
from gan_jax.networks.labels import Join, check_unlabelled, concatenation, joined
from gan_jax.nn.conv import NEAREST
from gan_jax.nn.initializers import Initializer, normal
from gan_jax.nn.layers import Conv, Dense, UpsampleConv
from gan_jax.nn.minibatch import MinibatchFactory, MinibatchStddev, combined
from gan_jax.nn.norm import NormFactory, PixelNorm, normalise
from gan_jax.nn.resample import avg_pool
from gan_jax.types import Array, Outputs

_INIT = normal(1.0)
_ONE_HOT = concatenation()


class ProGANPlan(NamedTuple):
    """What distinguishes one ProGAN from another, for both networks.

    Attributes:
        features: channels of each stage, from 4 x 4 on.
        hidden: units of the discriminator's last hidden layer.
    """

    features: tuple[int, ...]
    hidden: int


def progan_plan(
    height: int, width: int, *, base: int = 8192, most: int = 512
) -> ProGANPlan:
    """The published channels (1710.10196, table 2) for as many stages as the sides allow:
    `base / 2^(k + 1)` at stage k, but never above `most`.

    Args:
        height: of the images, 4 * 2^k.
        width: of the images, the same.
        base: 8192 as published.
        most: channels of the coarse stages, 512 as published.

    Raises:
        ValueError: the sides are not 4 * 2^k, or a stage would have no channels.
    """
    stages = stages_of(height, width)
    features = tuple(min(base >> (stage + 1), most) for stage in range(stages))
    if min(features) < 1:
        raise ValueError(
            f"base {base} leaves stage {stages - 1} without channels; give at least "
            f"{2**stages}"
        )
    return ProGANPlan(features, min(base, most))


class ProGANGenerator(linen.Module):
    """A dense layer to 4 x 4, then two 3 x 3 convolutions a stage, the first of each on the
    doubled maps; LeakyReLU and pixel norm after each. Each stage has a 1 x 1 convolution to
    the image, of which the finest two are mixed while a stage fades in.

    Attributes:
        plan: channels of the stages.
        channels: of the images: 1, 3 or 4.
        num_classes: number of classes; None is unconditional.
        input_labels: how labels join the latent; one-hot as in the authors' code.
        norm: normalisation of the latent and after each layer, or None.
        slope: of LeakyReLU.
        dtype: compute type; parameters and images are float32.
    """

    plan: ProGANPlan = progan_plan(32, 32)
    channels: int = 3
    num_classes: int | None = None
    input_labels: Join | None = _ONE_HOT
    norm: NormFactory | None = PixelNorm
    slope: float = 0.2
    dtype: DTypeLike = jnp.float32

    @property
    def stages(self) -> int:
        """How many there are."""
        return len(self.plan.features)

    @linen.compact
    def __call__(
        self,
        z: Array,
        y: Array | None = None,
        *,
        train: bool = False,
        stage: int | None = None,
        alpha: ArrayLike = 1.0,
    ) -> Array:
        """Maps latents (B, Z) and labels (B,) to images. The mode is not used.

        Args:
            z: latents.
            y: labels, or None.
            train: mode.
            stage: the finest that is computed; None for all.
            alpha: weight of the finest stage, or of all stages but the coarsest; see
                `growing.weights_of`.

        Returns:
            (B, H, W, channels), H and W those of the stage.

        Raises:
            ValueError: there is no such stage, or there are labels but no classes, or
                classes but no labels.
        """
        del train
        check_unlabelled(y, self.num_classes)
        stage = resolved(stage, self.stages)
        weights = weights_of(stage, alpha)
        z = joined(self.input_labels, z, y, self.num_classes).astype(self.dtype)
        h = self._coarsest(self._normed(z, "latent_norm"))
        image = None
        for k in range(stage + 1):
            if k > 0:
                h = self._layer(UpsampleConv, h, k, 0)
                h = self._layer(Conv, h, k, 1)
            if not self.is_initializing() and k < stage and weights[k + 1] is None:
                continue
            new = _one_by_one(self.channels, self.dtype, f"image_{k}")(h)
            new = new.astype(jnp.float32)
            image = new if image is None else faded(new, _doubled(image), weights[k])
        assert image is not None  # the finest stage always gives one
        return image

    def _coarsest(self, z: Array) -> Array:
        """The 4 x 4 maps: a bias by channel, as of a convolution."""
        features = self.plan.features[0]
        dense = Dense(SMALLEST**2 * features, False, _INIT, self.dtype, name="project")
        h = dense(z).reshape(-1, SMALLEST, SMALLEST, features) + self._first_bias()
        h = self._normed(jax.nn.leaky_relu(h, self.slope), "project_norm")
        return self._layer(Conv, h, 0, 1)

    def _first_bias(self) -> Array:
        """The bias of the first maps, (1, 1, 1, C)."""
        zeros = jax.nn.initializers.zeros
        bias = self.param("bias", zeros, (self.plan.features[0],), jnp.float32)
        return bias.astype(self.dtype).reshape(1, 1, 1, -1)

    def _layer(self, layer: type[linen.Module], h: Array, stage: int, index: int) -> Array:
        make = layer(
            self.plan.features[stage],
            kernel_init=_INIT,
            dtype=self.dtype,
            name=f"conv_{stage}_{index}",
        )
        h = jax.nn.leaky_relu(make(h), self.slope)
        return self._normed(h, f"norm_{stage}_{index}")

    def _normed(self, h: Array, name: str) -> Array:
        return normalise(self.norm, h, None, train=False, name=name)


class ProGANDiscriminator(linen.Module):
    """The generator's mirror image: two 3 x 3 convolutions a stage and 2 x 2 means after
    them; at 4 x 4 the minibatch's deviation, a convolution, a hidden layer, and the head.
    While a stage fades in, what it makes of images is mixed with what the next coarser
    stage sees of halved images.

    Attributes:
        plan: channels of the stages.
        num_classes: number of classes; None is unconditional.
        head: what becomes of the hidden layer and the labels.
        minibatch: what lets it look at examples in combination, or None.
        slope: of LeakyReLU.
        dtype: compute type; parameters and logits are float32.
    """

    plan: ProGANPlan = progan_plan(32, 32)
    num_classes: int | None = None
    head: Head = projection
    minibatch: MinibatchFactory | None = MinibatchStddev
    slope: float = 0.2
    dtype: DTypeLike = jnp.float32

    @property
    def stages(self) -> int:
        """How many there are."""
        return len(self.plan.features)

    @linen.compact
    def __call__(
        self,
        x: Array,
        y: Array | None = None,
        *,
        train: bool = False,
        stage: int | None = None,
        alpha: ArrayLike = 1.0,
    ) -> Array | Outputs:
        """Maps images and labels (B,) to logits (B,), or what the head gives. The mode is
        not used.

        Args:
            x: images of the stage's resolution.
            y: labels, or None.
            train: mode.
            stage: the finest that is computed; None for all.
            alpha: as of the generator.

        Raises:
            ValueError: the images are of another resolution, there is no such stage, or
                there are labels but no classes, or classes but no labels.
        """
        del train
        check_unlabelled(y, self.num_classes)
        stage = resolved(stage, self.stages)
        check_side(x, stage)
        weights = weights_of(stage, alpha)
        h = self._from_image(x, stage)
        for k in reversed(range(1, stage + 1)):
            h = self._down(self._layer(h, k, k, 0), k)
            if weights[k] is not None or self.is_initializing():
                x = avg_pool(x)
                h = faded(h, self._from_image(x, k - 1), weights[k])
        h = self._layer(combined(self.minibatch, h), 0, 0, 0)
        hidden = Dense(self.plan.hidden, True, _INIT, self.dtype, name="hidden")
        h = jax.nn.leaky_relu(hidden(h.reshape(len(h), -1)), self.slope)
        return self.head(h.astype(jnp.float32), y, self.num_classes, _INIT)

    def _from_image(self, x: Array, stage: int) -> Array:
        make = _one_by_one(self.plan.features[stage], self.dtype, f"image_{stage}")
        return jax.nn.leaky_relu(make(x), self.slope)

    def _down(self, h: Array, stage: int) -> Array:
        """The second convolution of a stage, and half of the resolution."""
        return avg_pool(self._layer(h, stage, stage - 1, 1))

    def _layer(self, h: Array, stage: int, to: int, index: int) -> Array:
        """Convolution `index` of a stage, to the channels of stage `to`."""
        make = Conv(
            self.plan.features[to],
            kernel_init=_INIT,
            dtype=self.dtype,
            name=f"conv_{stage}_{index}",
        )
        return jax.nn.leaky_relu(make(h), self.slope)


def check_side(x: Array, stage: int) -> None:
    """Refuses images of another resolution than a stage's.

    Raises:
        ValueError: they are.
    """
    side = side_of(stage)
    if x.ndim != 4 or x.shape[1:3] != (side, side):
        raise ValueError(
            f"stage {stage} works on images (batch, {side}, {side}, channels), got shape "
            f"{x.shape}"
        )


def _doubled(image: Array) -> Array:
    return NEAREST.resize(image)


def _one_by_one(
    features: int, dtype: DTypeLike, name: str, kernel_init: Initializer = _INIT
) -> Conv:
    """A 1 x 1 convolution."""
    return Conv(features, True, kernel_init, dtype, (1, 1), name=name)
