"""Standing statistics: batch norm as it is when sampling (1809.11096, appendix C)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp

from gan_jax.game import Game, View, Views, sample_of
from gan_jax.players import live_params, make_views
from gan_jax.state import Average, GameState, PlayerState
from gan_jax.types import Array, Key, PyTree, Stats

_RUNNING = "batch_stats"


def standing_statistics(net: View, *inputs: PyTree) -> Stats:
    """A net's statistics with its running moments replaced by means over given batches.

    Running moments mix the latents, the batch size and the parameters of training. These
    are of the net as it is, at the settings of sampling: after one pass, sampling that very
    batch gives what training mode gives.

    Args:
        net: such as `make_views(...).averaged("generator")`.
        *inputs: leaves (passes, batch, ...), as the net takes them one pass at a time:
            latents, drawn and truncated as the samples will be, and labels if any.

    Returns:
        The net's statistics, with means over passes in the place of what batch norms keep
        in "batch_stats"; anything else is as it was.

    Raises:
        ValueError: the net keeps no running moments.
    """
    if _RUNNING not in net.stats:
        raise ValueError("standing statistics need a net with batch norm; this has none")
    running = net.stats[_RUNNING]

    def moved(start: float, batch: Any) -> PyTree:
        """What an update makes of running moments that are all `start`."""
        stats = net.stats | {
            _RUNNING: jax.tree.map(lambda m: jnp.full_like(m, start), running)
        }
        return net.with_stats(*batch, stats=stats)[1][_RUNNING]

    def one_pass(total: PyTree, batch: Any) -> tuple[PyTree, None]:
        # An update is old * w + new * (1 - w) for a momentum w that only the net knows.
        return jax.tree.map(jnp.add, total, moved(0.0, batch)), None

    first = jax.tree.map(lambda x: x[0], inputs)
    weight = jax.tree.map(jnp.subtract, moved(1.0, first), moved(0.0, first))
    zeros = jax.tree.map(jnp.zeros_like, running)
    total, _ = jax.lax.scan(one_pass, zeros, inputs)
    passes = jax.tree.leaves(inputs)[0].shape[0]

    def mean(summed: Array, kept: Array) -> Array:
        return summed / (float(passes) * (1.0 - kept))

    return net.stats | {_RUNNING: jax.tree.map(mean, total, weight)}


def standing_state(game: Game, state: GameState, keys: Key) -> GameState:
    """A state that is sampled with standing statistics.

    Latents and labels are what the game itself samples with, so that a prior that is
    truncated is so here too, and classes take turns.

    Args:
        game: whose nets.
        state: of the game; any step.
        keys: one per example, (passes, batch); batches as large as those of training.

    Returns:
        The state with other statistics of the nets that sampling calls: of their averages,
        where they keep any.

    Raises:
        ValueError: none of those nets keeps running moments.
    """
    views = make_views(game, live_params(state), state, jnp.zeros((), jnp.float32))
    heard = sampling_inputs(game, views, keys.reshape(-1), None)
    found = {
        name: standing_statistics(
            views.averaged(name),
            *jax.tree.map(lambda x: x.reshape(*keys.shape, *x.shape[1:]), inputs),
        )
        for name, inputs in heard.items()
        if _RUNNING in views.averaged(name).stats
    }
    if not found:
        raise ValueError("standing statistics need a net with batch norm; this has none")
    players = {
        name: _with_stats(player, {net: found[net] for net in player.stats if net in found})
        for name, player in state.players.items()
    }
    return state.replace(players=players)


def sampling_inputs(
    game: Game, views: Views, keys: Key, labels: Array | None
) -> dict[str, tuple[PyTree, ...]]:
    """What a game's own sampling calls its nets with: latents, and labels if any.

    Args:
        game: whose sampling.
        views: its nets.
        keys: one per sample, (n,).
        labels: int32 (n,), or None.

    Returns:
        `{net: inputs}`, leaves (n, ...). What sampling makes is not used, so that a
        compiled program does not compute it.
    """
    heard: dict[str, tuple[PyTree, ...]] = {}
    sample_of(game)(_listening(views, heard), keys, labels)
    return heard


def _listening(views: Views, heard: dict[str, tuple[PyTree, ...]]) -> Views:
    """The same nets, that note what they are called with."""

    def listening(name: str, view: View) -> View:
        def apply(params: Any, stats: Stats, *inputs: Any, **mode: Any) -> Any:
            heard[name] = inputs
            return view.net.apply(params, stats, *inputs, **mode)

        return replace(view, net=view.net._replace(apply=apply))

    live = {name: listening(name, view) for name, view in views.live.items()}
    ema = {name: listening(name, view) for name, view in views.ema.items()}
    return replace(views, live=live, ema=ema)


def _with_stats(player: PlayerState, stats: Mapping[str, Stats]) -> PlayerState:
    """The player with other statistics of some nets where it is sampled from."""
    if isinstance(player.ema, Average):
        average = player.ema.replace(stats={**player.ema.stats, **stats})
        return player.replace(ema=average)
    return player.replace(stats={**player.stats, **stats})
