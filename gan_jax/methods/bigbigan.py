"""BigBiGAN (1907.02544): BigGAN with an encoder, and a discriminator of three scores."""

from __future__ import annotations

from functools import partial

import jax
import jax.numpy as jnp
import optax
from jax.typing import DTypeLike

from gan_jax import losses, transforms
from gan_jax.game import Game
from gan_jax.methods.families import latent_dim, no_labels, play_pairs
from gan_jax.methods.recipe import Recipe
from gan_jax.methods.sides import GENERATOR, pairs
from gan_jax.networks.bigbigan import (
    BigBiGANDiscriminator,
    BigBiGANEncoder,
    TrunkFactory,
    resized,
)
from gan_jax.networks.biggan import BigGANDiscriminator, BigGANGenerator, biggan_plan
from gan_jax.networks.resnet_v2 import BLOCKS, ResNetV2
from gan_jax.networks.revnet import RevNet
from gan_jax.nn.norm import BatchNorm
from gan_jax.priors import normal
from gan_jax.types import Array


def _of_the_generator(path: str, leaf: Array) -> bool:
    """Kernels of the generator; the encoder, of the same player, has no spectral norm."""
    return path.startswith(f"{GENERATOR}/") and transforms.kernels(path, leaf)


_BIGBIGAN = Recipe(
    loss=losses.joint_hinge,
    prior=normal(120),
    g_tx=optax.adam(5e-5, b1=0.0, b2=0.999),
    e_tx=optax.adam(5e-4, b1=0.0, b2=0.999),
    d_tx=optax.adam(2e-4, b1=0.0, b2=0.999),
    g_transform=transforms.spectral_norm(where=_of_the_generator),
    d_transform=transforms.spectral_norm(where=transforms.matrices),
    d_steps=2,
    joint_forward=True,
)


def bigbigan(
    *,
    image_shape: tuple[int, ...],
    num_classes: int | None = None,
    resolution: int | None = None,
    g_width: int = 96,
    d_width: int = 96,
    hierarchical: bool = True,
    score_units: int = 2048,
    encoder: str = "resnet",
    encoder_blocks: tuple[int, int, int, int] = BLOCKS,
    encoder_width: int = 64,
    encoder_multiple: int = 1,
    encoder_units: int = 4096,
    reduce: bool = True,
    attention: tuple[int, ...] | None = None,
    rows: int | None = 1024,
    remat: bool = False,
    dtype: DTypeLike = jnp.float32,
    recipe: Recipe = _BIGBIGAN,
) -> Game:
    """BigBiGAN (1907.02544, section 2 and appendix A).

    Scores of an image, s_x, of a latent, s_z, and of the pair, s_xz, each with a hinge of
    its own for the discriminator; generator and encoder change their sum.

    Args:
        image_shape: (H, W, C) of the data, which the encoder sees: 256 in the paper's best.
        num_classes: None.
        resolution: the shorter side of generated images, 128 there; real ones are brought
            to it by means of 2 x 2 blocks before the discriminator. None for the data's.
        g_width: the generator's "ch".
        d_width: that of F.
        hierarchical: whether the latent is split over the generator's blocks.
        score_units: units of the layers of H and J.
        encoder: "resnet" (ResNet-v2-50), or "revnet" (RevNet-50, of reversible blocks).
        encoder_blocks: of each of its four resolutions.
        encoder_width: channels after its first convolution.
        encoder_multiple: factor of all its channels; 4 for RevNet-50 x 4.
        encoder_units: units of the MLP behind it.
        reduce: whether its stem halves images twice; False for small ones.
        attention: see `biggan`.
        rows: see `biggan`.
        remat: whether the backward pass computes the inside of blocks again; with
            "revnet", memory then grows with half of each block's channels.
        dtype: compute type of the networks.
        recipe: loss, prior, optimizers and terms; Adam(5e-5, 5e-4 and 2e-4, 0, 0.999) of
            generator, encoder and discriminator, two discriminator steps, spectral norm of
            all but the encoder.

    Raises:
        ValueError: sides cannot be halved to the resolution, or there is no such encoder.
    """
    no_labels("bigbigan", num_classes)
    height, breadth, channels = _shape_at(image_shape, resolution)
    plan = biggan_plan(height, breadth, attention=attention)
    generator = BigGANGenerator(
        plan,
        g_width,
        channels,
        hierarchical=hierarchical,
        norm=BatchNorm,
        rows=rows,
        remat=remat,
        dtype=dtype,
    )
    trunk: dict[str, TrunkFactory] = {"resnet": ResNetV2, "revnet": RevNet}
    if encoder not in trunk:
        raise ValueError(f"encoder must be one of {', '.join(trunk)}, got {encoder!r}")
    found = BigBiGANEncoder(
        partial(
            trunk[encoder],
            tuple(encoder_blocks),
            encoder_width,
            encoder_multiple,
            reduce=reduce,
            remat=remat,
        ),
        latent_dim("bigbigan", recipe.prior),
        units=encoder_units,
        dtype=dtype,
    )
    judge = BigBiGANDiscriminator(
        partial(BigGANDiscriminator, plan, d_width, rows=rows, remat=remat),
        score_units,
        dtype=dtype,
    )
    make = pairs(partial(resized, side=min(height, breadth)))
    return play_pairs(generator, found, judge, image_shape, recipe, make)


def _shape_at(image_shape: tuple[int, ...], resolution: int | None) -> tuple[int, ...]:
    """The shape of examples brought to a resolution by halving."""
    least = min(image_shape[:2])
    if resolution is None:
        return image_shape
    if resolution > least:
        raise ValueError(
            f"images cannot be halved to a resolution of {resolution}: their shorter side "
            f"is {least}"
        )
    image = jax.ShapeDtypeStruct((1, *image_shape), jnp.float32)
    return jax.eval_shape(partial(resized, side=resolution), image).shape[1:]
