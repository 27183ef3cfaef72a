"""ProGAN: progressive growing (1710.10196)."""

from __future__ import annotations

import math

import jax.numpy as jnp
import optax
from jax.typing import DTypeLike

from gan_jax import losses, penalties, transforms
from gan_jax.game import Game, ema_from_decay
from gan_jax.methods.growing import Fade, at_stage, growing_nets, level_of
from gan_jax.methods.recipe import Recipe
from gan_jax.methods.sides import DISCRIMINATOR, GENERATOR
from gan_jax.methods.terms import Weighted
from gan_jax.methods.two_player import from_recipe
from gan_jax.networks.progan import ProGANDiscriminator, ProGANGenerator, progan_plan
from gan_jax.nn.minibatch import MinibatchFactory, MinibatchStddev
from gan_jax.priors import hypersphere


def _gain(path: str) -> float:
    """He's constant, but for the layers without an activation, and the first one, which is
    as in the authors' code.
    """
    layer = path.split("/")[-2]
    if layer == "project":
        return math.sqrt(2.0) / 4.0
    linear = layer == "logit" or (path.startswith(GENERATOR) and layer.startswith("image_"))
    return 1.0 if linear else math.sqrt(2.0)


EQUALIZED = transforms.equalized_lr(gain=_gain)
"""As of both networks; biases are not scaled."""
_PROGAN = Recipe(
    loss=losses.wasserstein,
    prior=hypersphere(512),
    g_tx=optax.adam(1e-3, b1=0.0, b2=0.99),
    d_tx=optax.adam(1e-3, b1=0.0, b2=0.99),
    g_transform=EQUALIZED,
    d_transform=EQUALIZED,
    g_ema=ema_from_decay(0.999, 16),
    d_terms={
        # Of whole minibatches, not of single examples, by the deviation over them.
        "gp": Weighted(10.0, penalties.gradient_penalty().fn),
        "drift": Weighted(1e-3, penalties.drift()),
    },
)


def progan(
    *,
    image_shape: tuple[int, ...],
    num_classes: int | None = None,
    stage: int | None = None,
    fade: Fade | None = None,
    base: int = 8192,
    most: int = 512,
    minibatch: MinibatchFactory | None = MinibatchStddev,
    dtype: DTypeLike = jnp.float32,
    recipe: Recipe = _PROGAN,
) -> Game:
    """ProGAN (1710.10196) at one of its stages; `gan_jax.methods.growing.timetable` says
    which one when, and all share one state.

    The discriminator looks at minibatches, so that its gradient penalty is on the gradient
    of the summed logits of a batch in all its images, as in the authors' code.

    Args:
        image_shape: (H, W, C), H and W the same 4 * 2^k.
        num_classes: number of classes, or None; as one-hot vectors beside the latent, and
            a projection (1802.05637) in the discriminator.
        stage: the finest that is trained; None for the last.
        fade: images seen when it begins to fade in and when it has; None if it is there.
        base: channels of stage k are base / 2^(k + 1),
        most: but never more than this.
        minibatch: what lets the discriminator look at minibatches, or None.
        dtype: compute type of the networks.
        recipe: loss, prior, optimizers and terms; Wasserstein with a gradient penalty of 10
            and a drift of 1e-3, latents of 512 on a sphere, Adam(1e-3, 0, 0.99), one
            discriminator step, equalised learning rates, an average with 0.999 a step of
            16 images.

    Raises:
        ValueError: the sides are not 4 * 2^k, or there is no such stage.
    """
    height, width, channels = image_shape
    plan = progan_plan(height, width, base=base, most=most)
    modules = {
        GENERATOR: ProGANGenerator(plan, channels, num_classes, dtype=dtype),
        DISCRIMINATOR: ProGANDiscriminator(
            plan, num_classes, minibatch=minibatch, dtype=dtype
        ),
    }
    level = level_of(len(plan.features), stage, fade)
    nets = growing_nets(modules, recipe.prior, image_shape, num_classes, level)
    game = from_recipe(
        nets[GENERATOR], nets[DISCRIMINATOR], recipe, num_classes=num_classes
    )
    return at_stage(game, modules, stage, fade)
