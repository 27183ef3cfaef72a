"""BigBiGAN's encoder and discriminator (1907.02544); the generator is BigGAN's.

The released models have latents of 120 dimensions, and images of 256 x 256 for E and of
128 x 128, their means over 2 x 2 blocks, for G and F. E is a ResNet-v2-50 or RevNet-50 x 4
with means over space, a 4-layer MLP of 4096 units, and one linear layer for the mean and
the deviation, a softplus (section 3.1). F is BigGAN's discriminator up to its sum over
space; H and J are 8-layer MLPs of 2048 units. All MLPs have skip connections around every
two layers; where their activations are, and how the width first changes, is a choice made
here.

Spectral norms of F, H and J are transforms of the parameters; the encoder has none.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial

import jax
import jax.numpy as jnp
from flax import linen
from jax.typing import DTypeLike

from gan_jax.networks.biggan import BigGANDiscriminator
from gan_jax.networks.heads import flat
from gan_jax.networks.resnet_v2 import ResNetV2
from gan_jax.nn.initializers import Initializer, he_uniform, orthogonal
from gan_jax.nn.layers import Dense
from gan_jax.nn.resample import avg_pool, upsample_bilinear
from gan_jax.types import Array, Posterior

TrunkFactory = Callable[..., linen.Module]
"""`(dtype=..., name=...) -> module` from images to features (B, F), float32, called `(x,
train=...)` as an encoder's trunk; and `(head=..., dtype=..., name=...) -> module`, called
`(x, y, train=...)` and giving what the head gives, as a discriminator's."""

_SMALL = -15.0


class ResidualMLP(linen.Module):
    """Blocks of two layers with skip connections, and a last ReLU.

    ReLUs precede the layers, but for the very first, which takes inputs of both signs. The
    first shortcut is linear where the width changes.

    Attributes:
        units: of every layer.
        blocks: of two layers each.
        kernel_init: initialiser of the kernels.
        dtype: compute type.
    """

    units: int = 2048
    blocks: int = 4
    kernel_init: Initializer = orthogonal()
    dtype: DTypeLike = jnp.float32

    @linen.compact
    def __call__(self, x: Array) -> Array:
        """Maps (B, I) to (B, units)."""
        dense = partial(Dense, self.units, kernel_init=self.kernel_init, dtype=self.dtype)
        h = x.astype(self.dtype)
        for index in range(self.blocks):
            branch = h if index == 0 else jax.nn.relu(h)
            branch = dense(name=f"block_{index}_0")(branch)
            branch = dense(name=f"block_{index}_1")(jax.nn.relu(branch))
            if h.shape[-1] != self.units:
                h = dense(use_bias=False, name="shortcut")(h)
            h = h + branch
        return jax.nn.relu(h)


class BigBiGANEncoder(linen.Module):
    """E: trunk, residual MLP, and linear maps to the mean and deviation of the latent.

    Attributes:
        trunk: factory of the convolutional network: `ResNetV2`, or `RevNet` for instance
            with `multiple=4` and `remat`.
        latent_dim: dimensions of the latent.
        stochastic: whether E gives a posterior (section 3.1); otherwise latents.
        units: of the layers of the MLP.
        blocks: of the MLP, of two layers each.
        resolution: shorter side that images are brought to, by means of 2 x 2 blocks or by
            bilinear doubling; None for images as they come.
        kernel_init: initialiser of the kernels of the MLP.
        dtype: compute type; parameters, statistics, features and outputs are float32.
    """

    trunk: TrunkFactory = ResNetV2
    latent_dim: int = 120
    stochastic: bool = True
    units: int = 4096
    blocks: int = 2
    resolution: int | None = None
    kernel_init: Initializer = he_uniform()
    dtype: DTypeLike = jnp.float32

    def __call__(self, x: Array, *, train: bool = False) -> Posterior | Array:
        """Maps images (B, H, W, C) to a `Posterior`, or to latents (B, latent_dim) where
        it is not stochastic.

        Raises:
            ValueError: the images cannot be brought to the resolution.
        """
        *_, code = self._layers(x, train)
        return code

    def features(self, x: Array, *, train: bool = False) -> dict[str, Array]:
        """What is probed of images (B, H, W, C): "avepool", the trunk's features (B, F) of
        the paper's linear evaluation; "hidden", the MLP's (B, units); "latent", the
        (mean of the) latents (B, latent_dim).
        """
        pooled, hidden, code = self._layers(x, train)
        latent = code.mean if isinstance(code, Posterior) else code
        return {"avepool": pooled, "hidden": hidden, "latent": latent}

    @linen.compact
    def _layers(self, x: Array, train: bool) -> tuple[Array, Array, Posterior | Array]:
        """What the trunk gives, what the MLP gives, and what E gives."""
        if self.resolution is not None:
            x = resized(x, self.resolution)
        pooled = self.trunk(dtype=self.dtype, name="trunk")(x, train=train)
        mlp = ResidualMLP(self.units, self.blocks, self.kernel_init, self.dtype, name="mlp")
        hidden = mlp(pooled).astype(jnp.float32)
        mean = Dense(self.latent_dim, name="mean")(hidden)
        if not self.stochastic:
            return pooled, hidden, mean
        deviation = Dense(self.latent_dim, name="deviation")(hidden)
        return pooled, hidden, Posterior(mean, 2.0 * log_softplus(deviation))


class BigBiGANDiscriminator(linen.Module):
    """D: the scores of an image, of a latent and of both: F(x), H(z) and J(F(x), H(z)),
    each with a linear score (section 2).

    Attributes:
        trunk: factory of F, any discriminator of the library that has a head.
        units: of the layers of H and of J.
        blocks: of H and of J, of two layers each.
        kernel_init: initialiser of the kernels of H, J and the scores.
        dtype: compute type; parameters, features between networks and scores are float32.
    """

    trunk: TrunkFactory = BigGANDiscriminator
    units: int = 2048
    blocks: int = 4
    kernel_init: Initializer = orthogonal()
    dtype: DTypeLike = jnp.float32

    @linen.compact
    def __call__(
        self, pair: tuple[Array, Array], y: Array | None = None, *, train: bool = False
    ) -> Array:
        """Maps images (B, H, W, C) with latents (B, Z), and labels (B,) if F has classes,
        to logits (B, 3): s_x, s_z, s_xz.
        """
        x, z = pair
        image = self.trunk(head=flat, dtype=self.dtype, name="image")(x, y, train=train)
        latent = self._mlp("latent")(z).astype(jnp.float32)
        both = jnp.concatenate([image, latent], axis=-1)
        joint = self._mlp("joint")(both).astype(jnp.float32)
        scores = {"image": image, "latent": latent, "joint": joint}
        return jnp.concatenate(
            [
                Dense(1, kernel_init=self.kernel_init, name=f"{name}_logit")(features)
                for name, features in scores.items()
            ],
            axis=-1,
        )

    def _mlp(self, name: str) -> ResidualMLP:
        return ResidualMLP(self.units, self.blocks, self.kernel_init, self.dtype, name=name)


def bn_crelu(
    features: Array, mean: Array, variance: Array, *, epsilon: float = 1e-5
) -> Array:
    """The "BN+CReLU" features of the linear evaluation: [ReLU(a), ReLU(-a)] of normalised
    features a, twice as many as there were.

    Args:
        features: (B, F), such as the "avepool" of `BigBiGANEncoder.features`.
        mean: of each feature over the training images, (F,).
        variance: of each feature over the training images, (F,).
        epsilon: added to the variance.

    Returns:
        (B, 2 F).
    """
    scale = jax.lax.rsqrt(variance + epsilon)
    normal = (features - mean[None]) * scale[None]
    return jnp.concatenate([jax.nn.relu(normal), jax.nn.relu(-normal)], axis=-1)


def log_softplus(x: Array) -> Array:
    """log(log(1 + exp(x))), finite and with finite gradients for every finite x."""
    # There log(1 + t) is t - t^2 / 2 for t = exp(x), to float32 rounding.
    low = x < _SMALL
    small = x - 0.5 * jnp.exp(jnp.where(low, x, _SMALL))
    return jnp.where(low, small, jnp.log(jax.nn.softplus(jnp.where(low, _SMALL, x))))


def resized(x: Array, side: int) -> Array:
    """Images (B, H, W, C) whose shorter side is `side`.

    Raises:
        ValueError: their own is no power of two times that, or half pixels would remain.
    """
    height, width = x.shape[1:3]
    steps = math.log2(side / min(height, width))
    if not steps.is_integer():
        raise ValueError(
            f"a network of resolution {side} cannot take images of {height} x {width}: "
            "choose one that doubling or halving leads to, or None"
        )
    resize = upsample_bilinear if steps > 0 else avg_pool
    for _ in range(abs(int(steps))):
        x = resize(x)
    return x
