"""Games that grow: stages of one run over one unchanging state (1710.10196, section 2).

Networks have the parameters of all their stages from the start; a stage's game computes
those up to its own, on images of its resolution, and its networks write into their
statistics how far they have grown. Outside the phases of a game they read it there: samples
are of the stage that a state was trained to, at the size of the finest, whatever the game.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from flax import linen
from jax.typing import ArrayLike

from gan_jax.game import Aux, Batch, Game, Objective, View, Views
from gan_jax.methods.sides import DISCRIMINATOR, GENERATOR
from gan_jax.networks.growing import faded, resolved, side_of, weights_at
from gan_jax.nn.adapter import Example, from_linen
from gan_jax.nn.resample import avg_pool, upsample_nearest
from gan_jax.numerics import to_unit
from gan_jax.priors import Prior
from gan_jax.state import GameState
from gan_jax.types import Array, Key, Net, Params, PyTree, Scalar, Stats

Fade = tuple[float, float]
"""Images seen when a stage begins to fade in, and when it has."""

_GROWTH = "growth"
_UNITS = 1_000_000  # Whole numbers: averages of players keep the newest.


class Turn(NamedTuple):
    """A stage of a run.

    Attributes:
        until: the step before which it ends; None lasts for ever.
        stage: the finest stage of the networks.
        fade: when it fades in; None for one that is there from the start.
        rate: factor of the learning rates.
    """

    until: int | None
    stage: int
    fade: Fade | None
    rate: float


def timetable(
    stages: int,
    batch_size: int,
    *,
    multiple: int = 1,
    fade_images: float = 600_000,
    stable_images: float = 600_000,
    first_side: int = 4,
    rates: Sequence[tuple[int, float]] = (),
) -> tuple[Turn, ...]:
    """When a run grows.

    Args:
        stages: of the networks.
        batch_size: images a step.
        multiple: of which numbers of steps must be.
        fade_images: over which a stage fades in, each but the first.
        stable_images: for which a stage is trained after that; the last one for ever.
        first_side: of the images of the first stage, 4 in ProGAN and 8 in StyleGAN.
        rates: `(side, factor)` of the learning rates from that resolution on, by rising
            sides.

    Returns:
        One turn a stage.

    Raises:
        ValueError: a number is out of range.
    """
    if fade_images < 0 or stable_images < 0 or fade_images + stable_images == 0:
        raise ValueError(
            "fade_images and stable_images must be numbers of images, not both 0; got "
            f"{fade_images} and {stable_images}"
        )
    sides = [side_of(stage) for stage in range(stages)]
    if first_side not in sides:
        raise ValueError(f"first_side must be one of {sides}, got {first_side}")
    first, begin, turns = sides.index(first_side), 0, []
    for stage in range(first, stages):
        fading = fade_images if stage > first else 0.0
        steps = math.ceil((fading + stable_images) / batch_size / multiple) * multiple
        end = begin + max(steps, multiple)
        start = float(begin * batch_size)
        fade = (start, start + fading) if fading else None
        rate = [1.0, *(factor for side, factor in rates if side <= sides[stage])][-1]
        turns.append(Turn(end if stage < stages - 1 else None, stage, fade, rate))
        begin = end
    return tuple(turns)


def restart(state: GameState) -> GameState:
    """A state whose Adam has seen no gradients, for a stage to begin with."""

    def one(node: Any) -> Any:
        if isinstance(node, optax.ScaleByAdamState):
            return jax.tree.map(jnp.zeros_like, node)
        return node

    def is_adam(node: Any) -> bool:
        return isinstance(node, optax.ScaleByAdamState)

    players = {
        name: player.replace(opt=jax.tree.map(one, player.opt, is_leaf=is_adam))
        for name, player in state.players.items()
    }
    return state.replace(players=players)


# Networks.


def growing_net(module: linen.Module, level: float, *examples: Example) -> Net:
    """A network that grows, as it is outside of the phases that train it: grown as far as
    its statistics say, and of the finest stage's size.

    Args:
        module: with `stages`, and called `(*inputs, train, stage, alpha)`.
        level: how far it has grown at first, in stages.
        *examples: see `nn.adapter.from_linen`.
    """
    plain = from_linen(module, *examples)

    def init(key: Key) -> tuple[Params, Stats]:
        params, stats = plain.init(key)
        return params, {**stats, _GROWTH: _written(level)}

    def apply(params: Params, stats: Stats, *inputs: Any, train: bool) -> tuple[Any, Stats]:
        weights = grown_weights(stats, module.stages)
        return _call(module, params, stats, inputs, train=train, alpha=weights)

    return Net(init, apply)


def growing_nets(
    modules: Mapping[str, linen.Module],
    prior: Prior,
    image_shape: tuple[int, ...],
    num_classes: int | None,
    level: float,
) -> dict[str, Net]:
    """The nets of a generator and a discriminator that grow; see `growing_net`.

    Args:
        modules: "generator" and "discriminator".
        prior: latent distribution.
        image_shape: of the finest stage.
        num_classes: number of classes, or None.
        level: how far they have grown at first.
    """
    latent = jax.eval_shape(prior, jax.random.key(0)).shape
    labels = () if num_classes is None else (jax.ShapeDtypeStruct((2,), jnp.int32),)
    inputs = {GENERATOR: latent, DISCRIMINATOR: image_shape}
    return {
        name: growing_net(modules[name], level, shape, *labels)
        for name, shape in inputs.items()
    }


def grown_weights(stats: Stats, stages: int) -> Array:
    """Weights of all stages but the coarsest, as statistics say, (stages - 1,)."""
    return weights_at(stats[_GROWTH]["level"].astype(jnp.float32) / _UNITS, stages)


def own_stats(stats: Stats) -> Stats:
    """A network's statistics but for how far it has grown."""
    return {name: tree for name, tree in stats.items() if name != _GROWTH}


def _written(level: ArrayLike) -> dict[str, Array]:
    """A level as statistics, int32 millionths."""
    millionths = jnp.round(jnp.asarray(level, jnp.float32) * _UNITS)
    return {"level": millionths.astype(jnp.int32)}


def _call(
    module: linen.Module,
    params: Params,
    stats: Stats,
    inputs: tuple[Any, ...],
    *,
    train: bool,
    **options: Any,
) -> tuple[Any, Stats]:
    """Outputs and statistics, of which those of the growth stay as they are."""
    own = own_stats(stats)
    variables = {"params": params, **own}
    if not train or not own:
        return module.apply(variables, *inputs, train=train, **options), stats
    mutable = list(own)
    out, new = module.apply(variables, *inputs, train=train, mutable=mutable, **options)
    return out, {**new, _GROWTH: stats[_GROWTH]}


# Games.


def at_stage(
    game: Game,
    modules: Mapping[str, linen.Module],
    stage: int | None,
    fade: Fade | None,
    drawing: Mapping[str, Callable[[Key], dict[str, Any]]] | None = None,
) -> Game:
    """The game of a stage.

    In its phases networks are computed up to the stage; real images are halved to its
    resolution, and while it fades in mixed with their halves doubled again, as generated
    ones are.

    Args:
        game: of `growing_net`s.
        modules: those that grow, by the names of their nets.
        stage: the finest that is computed; None for the last.
        fade: when it fades in; None for a stage that is there already.
        drawing: `{net: (keys) -> options}`, further options of a module's calls in the
            phases, drawn by keys of the examples.

    Raises:
        ValueError: the networks have no such stage, or the fade ends before it begins.
    """
    (stages,) = {module.stages for module in modules.values()}
    last = resolved(stage, stages)
    if fade is not None and not fade[0] < fade[1]:
        raise ValueError(f"a fade must end after it begins, got {fade}")

    def staged(objective: Objective) -> Objective:
        def played(
            views: Views, batch: Batch, keys: Key, memory: Mapping[str, PyTree]
        ) -> tuple[Mapping[str, Scalar], Aux]:
            alpha = alpha_at(last, fade, views.images_seen)
            # The same in every pass of a phase.
            options = {name: draw(keys) for name, draw in (drawing or {}).items()}
            nets = {
                name: _trained(module, last, alpha, options.get(name, {}))
                for name, module in modules.items()
            }
            seen = replace(
                views, live=_with_nets(views.live, nets), ema=_with_nets(views.ema, nets)
            )
            real = shrunk(batch["image"], stages - 1 - last, alpha)
            return objective(seen, {**batch, "image": real}, keys, memory)

        return played

    return game._replace(
        phases=tuple(
            phase._replace(objective=staged(phase.objective)) for phase in game.phases
        )
    )


def level_of(stages: int, stage: int | None, fade: Fade | None) -> float:
    """How far networks have grown before the first step of a stage's game."""
    last = resolved(stage, stages)
    return float(last if fade is None else max(last - 1, 0))


def shrunk(images: Array, halvings: int, alpha: ArrayLike) -> Array:
    """Real images as a stage sees them.

    Args:
        images: (B, H, W, C), uint8 or float in [-1, 1].
        halvings: stages that are finer.
        alpha: weight of the stage; the rest is of the one before.

    Returns:
        Float, in [-1, 1], (B, H / 2^halvings, W / 2^halvings, C).
    """
    images = to_unit(images)
    for _ in range(halvings):
        images = avg_pool(images)
    if isinstance(alpha, float):
        return images
    return faded(images, upsample_nearest(avg_pool(images)), jnp.asarray(alpha))


def alpha_at(stage: int, fade: Fade | None, images_seen: Scalar) -> ArrayLike:
    """How far a stage has faded in: 1.0 for one that is there, float32 () for others."""
    if fade is None or stage == 0:
        return 1.0
    begin, end = fade
    return jnp.clip((images_seen - begin) / (end - begin), 0.0, 1.0)


def _trained(
    module: linen.Module, stage: int, alpha: ArrayLike, options: dict[str, Any]
) -> Net:
    """A network in the phases of a stage; its statistics say how far it has grown, which
    is never less than before.
    """
    level = stage if isinstance(alpha, float) else stage - 1 + alpha

    def apply(params: Params, stats: Stats, *inputs: Any, train: bool) -> tuple[Any, Stats]:
        call = partial(_call, module, params, stats, inputs)
        out, new = call(train=train, stage=stage, alpha=alpha, **options)
        grown = jnp.maximum(stats[_GROWTH]["level"], _written(level)["level"])
        return out, {**new, _GROWTH: {"level": grown}}

    return Net(_not_here, apply)


def _not_here(key: Key) -> tuple[Params, Stats]:
    raise NotImplementedError("a network is not begun within a phase")


def _with_nets(views: Mapping[str, View], nets: Mapping[str, Net]) -> dict[str, View]:
    return {
        name: replace(view, net=nets[name]) if name in nets else view
        for name, view in views.items()
    }
