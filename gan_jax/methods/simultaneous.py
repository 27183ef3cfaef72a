"""All players of a game move at once, as the theory of game dynamics has it."""

from __future__ import annotations

from collections.abc import Mapping

from gan_jax.game import Aux, Batch, Game, Phase, Views
from gan_jax.types import Key, PyTree, Scalar, Stats


def simultaneous(game: Game, *, repeat: int = 1) -> Game:
    """The game with one phase in which everybody moves from the same point.

    Phases see the same examples and the same keys. What they log keeps its names, under
    "all/PHASE_".

    Args:
        game: each player moves in one phase of it, at every step.
        repeat: how often everybody moves per step; 2 for `optim.extragradient`, whose calls
            alternate between extrapolation and update.

    Raises:
        ValueError: a player moves in several phases, or a phase is lazy or repeated.
    """
    movers = [name for phase in game.phases for name in phase.movers]
    if len(set(movers)) != len(movers):
        raise ValueError(f"players must move in one phase each to move at once: {movers}")
    for phase in game.phases:
        if phase.every != 1 or phase.repeat != 1:
            raise ValueError(
                f"phase {phase.name!r} has repeat={phase.repeat} and every={phase.every}; "
                "only phases that run once in every step can be one"
            )

    def objective(
        views: Views, batch: Batch, keys: Key, memory: Mapping[str, PyTree]
    ) -> tuple[dict[str, Scalar], Aux]:
        losses: dict[str, Scalar] = {}
        stats: dict[str, Stats] = {}
        kept: dict[str, PyTree] = {}
        metrics: dict[str, Scalar] = {}
        terms: dict[str, Scalar] = {}
        for phase in game.phases:
            own, aux = phase.objective(views, batch, keys, memory)
            losses |= own
            stats |= aux.stats
            kept |= aux.memory
            metrics |= {f"{phase.name}_{name}": x for name, x in aux.metrics.items()}
            terms |= {f"{phase.name}_{name}": x for name, x in aux.terms.items()}
        return losses, Aux(stats, kept, metrics, terms)

    return game._replace(phases=(Phase("all", tuple(movers), objective, repeat=repeat),))
