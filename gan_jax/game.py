"""A method as a value: nets, players, and an ordered list of phases."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import optax

from gan_jax.state import GameState
from gan_jax.transforms import identity
from gan_jax.types import Array, Key, Net, Params, ParamTransform, PyTree, Scalar, Stats

Batch = PyTree
"""Data of one round, every leaf (batch, ...); a step takes leaves (rounds, batch, ...)."""


class Ema(NamedTuple):
    """An exponential moving average of a player, in images seen.

    Images seen are steps times batch size; critic repeats do not count.

    Attributes:
        half_life: images after which a parameter's weight in the average has halved.
        start: the average is a copy of the player until so many images were seen.
        ramp: if given, the half-life is at most `ramp` times the images seen
            (StyleGAN2-ADA uses 0.05), so that early averages forget quickly.
    """

    half_life: float
    start: float = 0.0
    ramp: float | None = None


def ema_from_decay(decay: float, batch_size: int, *, start_step: int = 0) -> Ema:
    """The `Ema` that multiplies by `decay` each step at `batch_size`, as papers state it.

    Args:
        decay: weight of the old average per step, in (0, 1); BigGAN uses 0.9999.
        batch_size: global batch size, in images.
        start_step: first step that averages.

    Raises:
        ValueError: `decay` is outside (0, 1).
    """
    if not 0.0 < decay < 1.0:
        raise ValueError(f"decay must lie between 0 and 1, got {decay}")
    return Ema(batch_size * math.log(0.5) / math.log(decay), float(start_step * batch_size))


class Player(NamedTuple):
    """Parameters moved together by one optimizer.

    Attributes:
        nets: names of the nets the player owns; a net has exactly one owner.
        tx: the optimizer, or None for a spectator (a frozen network).
        transform: reparameterisation of `{net: params}`; paths start with the net's name.
        ema: average kept of this player, if any.
    """

    nets: tuple[str, ...]
    tx: optax.GradientTransformation | None
    transform: ParamTransform = identity()
    ema: Ema | None = None


class Aux(NamedTuple):
    """What an objective returns besides losses.

    Attributes:
        stats: `{net: new statistics}` that shall survive; only nets of this phase's movers.
        memory: `{name: new value}` for entries of the game's memory.
        metrics: `{name: scalar}`, logged as "phase/name".
        terms: `{name: scalar}`, the unweighted terms of the losses, logged likewise; what
            `gan_jax.analysis.term_gradients` takes apart.
    """

    stats: Mapping[str, Stats] = {}
    memory: Mapping[str, PyTree] = {}
    metrics: Mapping[str, Scalar] = {}
    terms: Mapping[str, Scalar] = {}


@dataclass(frozen=True)
class View:
    """A net bound to the parameters and statistics an objective may see.

    Attributes:
        net: the network.
        params: what the network sees: transformed parameters.
        raw: the parameters themselves, as the optimizer sees them.
        stats: the net's statistics.
    """

    net: Net
    params: Params
    raw: Params
    stats: Stats

    def __call__(self, *inputs: Any, train: bool = True, keys: Key | None = None) -> Any:
        """The net's outputs; its new statistics are dropped."""
        return self.with_stats(*inputs, train=train, keys=keys)[0]

    def with_stats(
        self,
        *inputs: Any,
        train: bool = True,
        stats: Stats | None = None,
        keys: Key | None = None,
    ) -> tuple[Any, Stats]:
        """Outputs and new statistics, from `stats` in place of the view's if given; a net
        that draws noise does so by `keys`, one per example, and draws none without them.
        """
        used = self.stats if stats is None else stats
        noise = {"keys": keys} if self.net.stochastic else {}
        return self.net.apply(self.params, used, *inputs, train=train, **noise)


@dataclass(frozen=True)
class Views(Mapping[str, View]):
    """The nets of a game, by name, as one phase sees them.

    Attributes:
        live: the players as they are.
        ema: the averages of the players that keep one, under the same net names.
        opts: the states of the players' optimizers, by player.
        images_seen: float32 (), steps done times global batch size; for schedules.
    """

    live: Mapping[str, View]
    ema: Mapping[str, View]
    opts: Mapping[str, optax.OptState]
    images_seen: Scalar

    def __getitem__(self, net: str) -> View:
        return self.live[net]

    def __iter__(self) -> Iterator[str]:
        return iter(self.live)

    def __len__(self) -> int:
        return len(self.live)

    def averaged(self, net: str) -> View:
        """The net's average if its owner keeps one, else the net as it is."""
        return self.ema.get(net, self.live[net])


Objective = Callable[
    [Views, Batch, Key, Mapping[str, PyTree]], tuple[Mapping[str, Scalar], Aux]
]
"""`(views, batch, keys, memory) -> ({mover: its loss}, aux)`; one key per example."""

Sample = Callable[[Views, Key, Array | None], Any]
"""`(views, keys, labels) -> samples`, one key per sample; labels int32 (n,) or None."""


class Phase(NamedTuple):
    """Who moves, and what they minimise.

    Attributes:
        name: label of the phase in keys, metrics and profiles.
        movers: players that take one optimizer step each time the phase runs.
        objective: losses of the movers, from one forward pass.
        repeat: runs per step; run i reads round i of the batch.
        every: the phase runs on steps divisible by `every`, with its losses multiplied by
            `every` (lazy regularisation, 1912.04958 section 3.1).
    """

    name: str
    movers: tuple[str, ...]
    objective: Objective
    repeat: int = 1
    every: int = 1


class Direction(NamedTuple):
    """A way in which a game makes images of images.

    Attributes:
        net: the net that makes them.
        given: `(batch) -> images` (n, H, W, C) in [-1, 1], of one round of data, that the
            net is called with.
        truth: the same of what should come out; None where nobody knows it.
        label: the domain that the net is asked for; None if it is told none.
        scale: how many times as high and wide as given images the made ones are.
        multiple: which the sides of given images must be multiples of.
    """

    net: str
    given: Callable[[Batch], Array]
    truth: Callable[[Batch], Array] | None = None
    label: int | None = None
    scale: int = 1
    multiple: int = 1


class Game(NamedTuple):
    """A method.

    Attributes:
        nets: `{name: Net}`.
        players: `{name: Player}`; together they own every net once.
        phases: what happens in a step, in order.
        sample: how samples are drawn; None of a game that only makes images of images.
        memory: initial values of what the game carries besides players.
        directions: the ways in which it makes images of images, by name; mostly none.
    """

    nets: Mapping[str, Net]
    players: Mapping[str, Player]
    phases: tuple[Phase, ...]
    sample: Sample | None
    memory: Mapping[str, PyTree] = {}
    directions: Mapping[str, Direction] = {}


class Stage(NamedTuple):
    """One stage of a program.

    Attributes:
        until: the stage lasts while `step < until`; None lasts for ever.
        game: what is played; all stages share one state structure.
        enter: applied to the state when the stage begins, to reset parts of it.
    """

    until: int | None
    game: Game
    enter: Callable[[GameState], GameState] | None = None


Program = tuple[Stage, ...]
"""Games played one after the other over the same `GameState`; `until` increases."""


def sample_of(game: Game) -> Sample:
    """How samples of a game are drawn.

    Raises:
        ValueError: it has none, as it makes images of images.
    """
    if game.sample is None:
        ways = ", ".join(game.directions)
        raise ValueError(
            f"there are no samples of latents: images are made of images ({ways}), by "
            "`gan-jax translate` or `upscale`"
        )
    return game.sample


def rounds(game: Game) -> int:
    """Rounds of data that one step of the game reads: the largest repeat of its phases."""
    return max(phase.repeat for phase in game.phases)


def stage_at(program: Program, step: int) -> int:
    """Index of the stage that plays step number `step`.

    Raises:
        ValueError: the program ends before `step`.
    """
    for index, stage in enumerate(program):
        if stage.until is None or step < stage.until:
            return index
    raise ValueError(f"the program ends at step {program[-1].until}, asked for step {step}")


def rounds_before(program: Program, step: int) -> int:
    """Rounds of data read by steps 0..step-1: the data position of a run at `step`."""
    total, begin = 0, 0
    for stage in program:
        end = step if stage.until is None else min(stage.until, step)
        total += max(end - begin, 0) * rounds(stage.game)
        begin = max(begin, end)
    return total


def check_game(game: Game) -> None:
    """Refuses a game that contradicts itself.

    Raises:
        ValueError: one sentence naming what is wrong.
    """
    owners = [net for player in game.players.values() for net in player.nets]
    for net in game.nets:
        if owners.count(net) != 1:
            raise ValueError(
                f"net {net!r} has {owners.count(net)} owners; it needs exactly one"
            )
    for net in owners:
        if net not in game.nets:
            raise ValueError(f"a player owns net {net!r}, which the game does not have")
    names = [phase.name for phase in game.phases]
    if not names or len(set(names)) != len(names):
        raise ValueError(f"phases need distinct names, and at least one phase; got {names}")
    for phase in game.phases:
        _check_phase(game, phase)
    for name, direction in game.directions.items():
        if direction.net not in game.nets:
            raise ValueError(f"direction {name!r} is of {direction.net!r}, which is no net")
    if game.sample is None and not game.directions:
        raise ValueError("a game needs samples or directions")


def _check_phase(game: Game, phase: Phase) -> None:
    if phase.repeat < 1 or phase.every < 1:
        raise ValueError(f"phase {phase.name!r}: repeat and every must be at least 1")
    if not phase.movers:
        raise ValueError(f"phase {phase.name!r} moves nobody")
    for mover in phase.movers:
        if mover not in game.players:
            raise ValueError(f"phase {phase.name!r} moves {mover!r}, who is not a player")
        if game.players[mover].tx is None:
            raise ValueError(f"phase {phase.name!r} moves the spectator {mover!r}")
