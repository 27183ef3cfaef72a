"""StyleGAN: a generator of styles (1812.04948)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax.numpy as jnp
import optax
from jax.typing import ArrayLike, DTypeLike

from gan_jax import losses, penalties, prng
from gan_jax.game import Ema, Game
from gan_jax.methods.growing import (
    Fade,
    alpha_at,
    at_stage,
    growing_nets,
    grown_weights,
    level_of,
    own_stats,
)
from gan_jax.methods.progan import EQUALIZED
from gan_jax.methods.recipe import Recipe
from gan_jax.methods.sides import DISCRIMINATOR, GENERATOR
from gan_jax.methods.style_objectives import Draw, StyledApply, draw_cuts, in_styles
from gan_jax.methods.terms import Weighted, weighted
from gan_jax.methods.two_player import from_recipe
from gan_jax.networks.growing import resolved
from gan_jax.networks.progan import progan_plan
from gan_jax.networks.stylegan import (
    StyleGANDiscriminator,
    StyleGANGenerator,
    StyleGANSynthesis,
)
from gan_jax.networks.stylegan2_layers import CONST, Noise
from gan_jax.networks.stylegan2_mapping import MappingNetwork
from gan_jax.nn.minibatch import MinibatchFactory, MinibatchStddev
from gan_jax.priors import Prior, normal
from gan_jax.types import Array, Key, Params, Scalar, Stats

_STYLEGAN = Recipe(
    loss=losses.non_saturating,
    prior=normal(512),
    g_tx=optax.adam(1e-3, b1=0.0, b2=0.99),
    d_tx=optax.adam(1e-3, b1=0.0, b2=0.99),
    d_transform=EQUALIZED,
    g_ema=Ema(10_000.0),
    # Of whole minibatches, not of single examples, by the deviation over them.
    d_terms={"r1": Weighted(10.0, penalties.r1().fn)},
)


class GrownApply(StyledApply):
    """`StyledApply` of a generator that has grown as far as its statistics say."""

    module: StyleGANGenerator

    def styles(
        self, params: Params, stats: Stats, *inputs: Any, train: bool
    ) -> tuple[Array, Stats]:
        """Styles (B, layers, W) of latents, and of labels if any."""
        ws, new = super().styles(params, own_stats(stats), *inputs, train=train)
        return ws, {**stats, **new}

    def images(
        self, params: Params, stats: Stats, ws: Array, noise: Noise = CONST
    ) -> Array:
        """Images of styles, of the finest stage's size."""
        made: Any = self.module.apply(
            {"params": params, **own_stats(stats)},
            ws,
            noise=noise,
            alpha=grown_weights(stats, self.module.stages),
            method="images",
        )
        images: Array = made
        return images


@dataclass(frozen=True)
class StageApply(StyledApply):
    """`StyledApply` of a stage: styles of its layers, and images of its resolution.

    Attributes:
        stage: the finest that is computed.
        alpha: how far it has faded in.
    """

    module: StyleGANGenerator
    stage: int
    alpha: ArrayLike

    def styles(
        self, params: Params, stats: Stats, *inputs: Any, train: bool
    ) -> tuple[Array, Stats]:
        """Styles (B, layers of the stage, W) of latents, and of labels if any."""
        ws, new = super().styles(params, stats, *inputs, train=train)
        return ws[:, : 2 * (self.stage + 1)], new

    def images(
        self, params: Params, stats: Stats, ws: Array, noise: Noise = CONST
    ) -> Array:
        """Images of such styles."""
        finer = 2 * self.module.stages - ws.shape[1]
        made: Any = self.module.apply(
            {"params": params, **stats},
            jnp.pad(ws, ((0, 0), (0, finer), (0, 0))),
            noise=noise,
            stage=self.stage,
            alpha=self.alpha,
            method="images",
        )
        images: Array = made
        return images


def stylegan(
    *,
    image_shape: tuple[int, ...],
    num_classes: int | None = None,
    stage: int | None = None,
    fade: Fade | None = None,
    base: int = 8192,
    most: int = 512,
    w_dim: int = 512,
    mapping_layers: int = 8,
    mapping_rate: float = 0.01,
    use_noise: bool = True,
    mixing: float = 0.9,
    path_shrink: int = 2,
    decay: float = 0.995,
    minibatch: MinibatchFactory | None = MinibatchStddev,
    dtype: DTypeLike = jnp.float32,
    recipe: Recipe = _STYLEGAN,
) -> Game:
    """StyleGAN (1812.04948) at one of its stages; `gan_jax.methods.growing.timetable` says
    which one when, and all share one state.

    In the phases noise is drawn anew; samples have the noise that the network keeps. The
    discriminator looks at minibatches, so that R1 is on the gradient of the summed logits
    of a batch in all its images, as in the authors' code.

    Args:
        image_shape: (H, W, C), H and W the same 4 * 2^k.
        num_classes: number of classes, or None; as an embedding beside the latent, and a
            projection (1802.05637) in the discriminator.
        stage: the finest that is trained; None for the last.
        fade: images seen when it begins to fade in and when it has; None if it is there.
        base: channels of stage k are base / 2^(k + 1),
        most: but never more than this.
        w_dim: length of w, and units of the mapping network.
        mapping_layers: of the mapping network.
        mapping_rate: multiplier of its learning rate.
        use_noise: whether noise is added in the layers of the generator.
        mixing: share of the generated examples of which the layers after a random one have
            the styles of another latent (section 3.1).
        path_shrink: path lengths, where the recipe has them, are of every so manieth
            example.
        decay: of the running mean of w, a step.
        minibatch: what lets the discriminator look at minibatches, or None.
        dtype: compute type of the networks.
        recipe: loss, prior, optimizers and terms; non-saturating with R1 (gamma 10), normal
            latents of 512, Adam(1e-3, 0, 0.99), an average with a half-life of 10,000
            images.

    Raises:
        ValueError: the sides are not 4 * 2^k, there is no such stage, `mixing` is no share,
            `path_shrink` below 1, or the recipe asks for several generated examples per
            real one.
    """
    if not 0.0 <= mixing <= 1.0:
        raise ValueError(f"mixing must lie between 0 and 1, got {mixing}")
    if path_shrink < 1:
        raise ValueError(f"path_shrink must be at least 1, got {path_shrink}")
    if recipe.fakes_per_real != 1:
        raise ValueError("stylegan draws noise for one generated example per real one")
    height, width, channels = image_shape
    plan = progan_plan(height, width, base=base, most=most)
    synthesis = StyleGANSynthesis(plan, channels, use_noise, dtype)
    mapping = MappingNetwork(
        w_dim,
        synthesis.num_ws,
        num_classes,
        mapping_layers,
        lr_mult=mapping_rate,
        decay=decay,
    )
    styled = StyleGANGenerator(mapping, synthesis)
    modules = {
        GENERATOR: styled,
        DISCRIMINATOR: StyleGANDiscriminator(
            plan, num_classes, minibatch=minibatch, dtype=dtype
        ),
    }
    stages = len(plan.features)
    level = level_of(stages, stage, fade)
    nets = growing_nets(modules, recipe.prior, image_shape, num_classes, level)
    last = resolved(stage, stages)

    def draw_at(images_seen: Scalar) -> Draw:
        alpha = alpha_at(last, fade, images_seen)
        return Draw(StageApply(styled, last, alpha), recipe.prior, mixing)

    terms = weighted("g_terms", recipe.g_terms)
    terms = {name: in_styles(one, draw_at, path_shrink) for name, one in terms.items()}
    game = from_recipe(
        nets[GENERATOR]._replace(apply=GrownApply(styled)),
        nets[DISCRIMINATOR],
        recipe._replace(g_terms=terms),
        num_classes=num_classes,
    )
    drawn = {GENERATOR: drawing(recipe.prior, mixing, 2 * (last + 1))}
    return at_stage(game, modules, stage, fade, drawn)


def drawing(prior: Prior, mixing: float, layers: int) -> Callable[[Key], dict[str, Any]]:
    """What is drawn for the examples of a phase: noise, and styles to mix.

    Args:
        prior: latent distribution.
        mixing: share of the examples that are mixed.
        layers: of the stage.

    Returns:
        `(keys) -> options` of `StyleGANGenerator`.
    """

    def draw(keys: Key) -> dict[str, Any]:
        options: dict[str, Any] = {"noise": prng.stream(keys, "noise")}
        if mixing > 0.0:
            others = prng.draw(prng.stream(keys, "second"), prior)
            options["mixed"] = (others, draw_cuts(prng.stream(keys, "cut"), mixing, layers))
        return options

    return draw
