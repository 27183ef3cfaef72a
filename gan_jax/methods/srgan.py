"""SRGAN (1609.04802): images enlarged as the eye likes them, by a game."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

import jax.numpy as jnp
import optax
from jax.typing import DTypeLike

from gan_jax import losses
from gan_jax.game import Aux, Batch, Direction, Game, Phase, Player, Views
from gan_jax.methods.families import no_labels
from gan_jax.methods.recipe import Recipe, check_used
from gan_jax.methods.sides import GENERATOR, Sides, images
from gan_jax.methods.terms import Round, Term
from gan_jax.methods.two_player import from_recipe
from gan_jax.networks.srresnet import SRGANDiscriminator, SRResNet
from gan_jax.nn.adapter import from_linen
from gan_jax.nn.norm import BatchNorm, NormFactory
from gan_jax.nn.resize import downscale
from gan_jax.numerics import to_uint8, to_unit
from gan_jax.types import AdversarialLoss, Array, Key, Net, PyTree, Scalar

_USED = (
    "loss", "g_tx", "d_tx", "g_transform", "d_transform", "g_ema", "d_terms", "g_terms",
    "d_steps", "joint_forward",
)  # fmt: skip
_ADAM = optax.adam(1e-4, b1=0.9)
_SRGAN = Recipe(g_tx=_ADAM, d_tx=_ADAM)
CONTENT = "content"
"""The net whose features are compared, and the term of the generator's loss."""


def srgan(
    *,
    image_shape: tuple[int, ...],
    num_classes: int | None = None,
    factor: int = 4,
    blocks: int = 16,
    width: int = 64,
    d_width: int = 64,
    d_hidden: int = 1024,
    d_norm: NormFactory | None = BatchNorm,
    pooled: bool = False,
    content: Net | None = None,
    adversarial_weight: float = 1e-3,
    adversarial: bool = True,
    dtype: DTypeLike = jnp.float32,
    recipe: Recipe = _SRGAN,
) -> Game:
    """SRGAN (1609.04802, equations 2 to 6): SRResNet enlarges what `degraded` made small,
    and a discriminator judges images of full size.

    With x an image and x~ = G(degraded(x)), the generator minimises C(x, x~) + w * its
    adversarial loss, C being the mean squared error of pixels (the paper's SRGAN-MSE) or
    of a frozen network's features (VGG22 and VGG54 there, which do not come with the
    package; the layers of SqueezeNet that do are in `gan_jax.metrics.content`). The frozen
    network is a spectator of the game and lies in its state. Both the large images and the
    small ones have values in [-1, 1]; the paper's small ones are in [0, 1].

    A run has two stages over one state, which differ in `adversarial` alone: first the
    generator by itself, on pixels, then the game. Adam should begin anew with the game
    (`"restart": True` in a config's stage).

    Args:
        image_shape: (H, W, C) of the large images, both sides multiples of the factor.
        num_classes: None.
        factor: how much larger images become: 2, 3, 4, 8 ...
        blocks: residual blocks of the generator.
        width: its channels.
        d_width: channels of the discriminator's first layers.
        d_hidden: units of its dense layer.
        d_norm: its normalisation.
        pooled: whether it averages its last features over space, in place of laying them
            in a row.
        content: `(images) -> features`, a net in whose features C is; None for pixels.
        adversarial_weight: w, by which the adversarial loss is logged, too.
        adversarial: False for the stage before the game, and for SRResNet alone: the
            generator minimises the squared error of pixels and nobody else moves.
        dtype: compute type of the networks.
        recipe: the loss, optimizers, transforms, terms, the generator's average, how often
            and how the discriminator is asked; nothing else of it has a place here.
            Non-saturating and Adam(1e-4, 0.9) as in the paper.

    Raises:
        ValueError: a factor that does not divide the sides, or a term called "content".
    """
    no_labels("srgan", num_classes)
    check_used("srgan", recipe, *_USED)
    height, breadth, channels = image_shape
    if factor < 2 or height % factor or breadth % factor:
        raise ValueError(
            f"images of {height} x {breadth} cannot be made smaller by {factor}: choose a "
            "factor from 2 on, and sides that are multiples of it"
        )
    if CONTENT in recipe.g_terms:
        raise ValueError(
            f"the term {CONTENT!r} is srgan's own: give yours another name, or choose "
            "another content"
        )
    enlarger = SRResNet(factor, channels, width, blocks, dtype=dtype)
    judge = SRGANDiscriminator(d_width, d_hidden, pooled, d_norm, dtype=dtype)
    game = from_recipe(
        from_linen(enlarger, (height // factor, breadth // factor, channels)),
        from_linen(judge, image_shape),
        recipe._replace(
            loss=_weighed(recipe.loss, adversarial_weight),
            g_terms={CONTENT: (1.0, _content(content)), **recipe.g_terms},
        ),
        make=partial(_enlarged, factor),
    )
    if content is not None:
        game = game._replace(
            nets={**game.nets, CONTENT: content},
            players={**game.players, CONTENT: Player((CONTENT,), None)},
        )
    return game._replace(
        phases=game.phases if adversarial else (_pixels(factor),),
        sample=None,
        directions={
            "upscale": Direction(
                GENERATOR,
                given=lambda batch: degraded(images(batch), factor),
                truth=images,
                scale=factor,
            )
        },
    )


def degraded(large: Array, factor: int) -> Array:
    """Images made smaller by an antialiased bicubic filter, with the 256 values that those
    in files have.

    Args:
        large: float (n, H, W, C) in [-1, 1].
        factor: how much smaller.

    Returns:
        float32 (n, H / factor, W / factor, C) in [-1, 1], without a gradient.
    """
    return to_unit(to_uint8(downscale(large, factor)))


def _enlarged(
    factor: int,
    views: Views,
    real: Array,
    latents: Array,
    labels: tuple[Array, ...],
    keys: Key,
) -> Sides:
    """Images against what the generator makes of them when they are small."""
    del latents, labels, keys
    fake, stats = views[GENERATOR].with_stats(degraded(real, factor))
    return Sides(real, fake, None, {GENERATOR: stats})


def _content(net: Net | None) -> Term:
    """Squared errors of pixels (equation 4) or of features (equation 5)."""

    def distance(turn: Round) -> Scalar:
        if net is None:
            return losses.l2(turn.real, turn.fake)

        def features(x: Array) -> PyTree:
            return net.apply(turn.players[CONTENT], {}, x, train=False)[0]

        return losses.feature_distance(features)(turn.real, turn.fake)

    return Term(distance)


def _weighed(loss: AdversarialLoss, weight: float) -> AdversarialLoss:
    """The loss with another weight of the generator's side, and of the same kind."""

    def generator(real_logits: Array, fake_logits: Array) -> Scalar:
        return weight * loss.generator(real_logits, fake_logits)

    return type(loss)(loss.discriminator, generator)


def _pixels(factor: int) -> Phase:
    """The generator by itself makes the squared error of pixels smaller."""

    def objective(
        views: Views, batch: Batch, keys: Key, memory: Mapping[str, PyTree]
    ) -> tuple[dict[str, Scalar], Aux]:
        del keys, memory
        real = images(batch)
        fake, stats = views[GENERATOR].with_stats(degraded(real, factor))
        error = losses.l2(real, fake)
        return {GENERATOR: error}, Aux({GENERATOR: stats}, terms={"pixels": error})

    return Phase("pixels", (GENERATOR,), objective)
