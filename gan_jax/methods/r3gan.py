"""R3GAN (2501.05441): a relativistic loss with zero-centred penalties on both sides."""

from __future__ import annotations

import jax.numpy as jnp
import optax
from jax.typing import DTypeLike

from gan_jax import losses, penalties
from gan_jax.game import Game
from gan_jax.methods.families import play
from gan_jax.methods.recipe import Recipe
from gan_jax.methods.terms import Weighted
from gan_jax.networks.r3gan import R3GANDiscriminator, R3GANGenerator, r3gan_plan
from gan_jax.priors import normal

_ADAM = optax.adam(2e-4, b1=0.0, b2=0.99)
_R3GAN = Recipe(
    loss=losses.relativistic(losses.non_saturating, average=False),
    prior=normal(64),
    g_tx=_ADAM,
    d_tx=_ADAM,
    d_terms={
        "r1": Weighted(0.05, penalties.r1()),
        "r2": Weighted(0.05, penalties.r2()),
    },
)


def r3gan(
    *,
    image_shape: tuple[int, ...],
    num_classes: int | None = None,
    features: int = 768,
    tapered: int = 0,
    group_size: int = 16,
    blocks: int = 2,
    full: int = 1,
    embedding: int = 64,
    remat: bool = False,
    dtype: DTypeLike = jnp.float32,
    recipe: Recipe = _R3GAN,
) -> Game:
    """R3GAN (2501.05441, config E), on its authors' networks.

    Args:
        image_shape: (H, W, C); see `networks.r3gan.r3gan_plan`.
        num_classes: number of classes, or None.
        features: channels of the coarsest stage, 768 for CIFAR-10.
        tapered: how many of the finest stages have half of the channels of the one before.
        group_size: channels of a group of the 3 x 3 convolutions.
        blocks: residual blocks of each stage.
        full: coarsest stages computed in float32 whatever the compute type.
        embedding: length of the generator's class embedding.
        remat: whether the backward pass computes the inside of blocks again.
        dtype: compute type of the networks.
        recipe: loss, prior, optimizers and terms; the paired relativistic loss, R1 and R2
            at the authors' first gamma for CIFAR-10. Their code moves gamma, the learning
            rate, Adam's beta2 and augmentation over the first 20 million images, as
            `configs/r3gan.py` does but for the last.
    """
    height, breadth, channels = image_shape
    plan = r3gan_plan(
        height,
        breadth,
        features=features,
        tapered=tapered,
        group_size=group_size,
        blocks=blocks,
        full=full,
    )
    generator = R3GANGenerator(
        plan, channels, num_classes, embedding, remat=remat, dtype=dtype
    )
    discriminator = R3GANDiscriminator(plan, num_classes, remat=remat, dtype=dtype)
    return play(generator, discriminator, image_shape, recipe, num_classes)
