"""What happens to one player: its beginning, its moves, its average, and how it is seen."""

from __future__ import annotations

from collections.abc import Mapping

import jax
import jax.numpy as jnp
import optax

from gan_jax import prng, tracing
from gan_jax.game import Aux, Ema, Game, Player, View, Views
from gan_jax.state import Average, GameState, PlayerState
from gan_jax.types import Array, Key, Params, PyTree, Scalar


def init_player(game: Game, name: str, player: Player, key: Key) -> PlayerState:
    """A player's state at the beginning of a run."""
    made = {
        net: game.nets[net].init(prng.fold_name(key, f"net/{net}")) for net in player.nets
    }
    params = player.transform.parametrize({net: made[net][0] for net in made})
    stats = {net: made[net][1] for net in made}
    transform = player.transform.init(params, prng.fold_name(key, f"transform/{name}"))
    opt = () if player.tx is None else player.tx.init(params)
    average = Average(params, stats, transform) if player.ema else ()
    # Averages start equal to the player; donated buffers must not be shared.
    return jax.tree.map(jnp.array, PlayerState(params, stats, transform, opt, average))


def move(player: Player, state: PlayerState, grads: Params, aux: Aux) -> PlayerState:
    """One optimizer step, with the statistics that the objective returned."""
    assert player.tx is not None, "check_game refuses spectators that move"
    # optax mixes integer counters with floats; our own code promotes nothing implicitly.
    with jax.numpy_dtype_promotion("standard"):
        updates, opt = player.tx.update(grads, state.opt, state.params)
    stats = {net: aux.stats.get(net, state.stats[net]) for net in player.nets}
    return state.replace(
        params=optax.apply_updates(state.params, updates), stats=stats, opt=opt
    )


def live_params(state: GameState) -> dict[str, Params]:
    """The parameters of every player, by name."""
    return {name: player.params for name, player in state.players.items()}


def make_views(
    game: Game, params: Mapping[str, Params], state: GameState, images_seen: Scalar
) -> Views:
    """The nets as an objective sees them, with `params` in place of the players' own."""
    live: dict[str, View] = {}
    ema: dict[str, View] = {}
    for name, player in game.players.items():
        now = state.players[name]
        live |= _net_views(game, player, params[name], now.stats, now.transform)
        if isinstance(now.ema, Average):
            average = now.ema
            ema |= _net_views(
                game, player, average.params, average.stats, average.transform
            )
    opts = {name: player.opt for name, player in state.players.items()}
    return Views(live, ema, opts, images_seen)


def _net_views(
    game: Game, player: Player, params: Params, stats: PyTree, transform: PyTree
) -> dict[str, View]:
    params, stats, transform = tracing.whole((params, stats, transform))
    seen = player.transform.apply(params, transform)
    return {
        net: View(game.nets[net], seen[net], params[net], stats[net]) for net in player.nets
    }


def average(player: Player, state: PlayerState, step: Array, images: Scalar) -> PlayerState:
    """Moves a player's average by one step."""
    if player.ema is None or not isinstance(state.ema, Average):
        return state
    decay = _decay(player.ema, step, images)

    def blend(old: Array, new: Array) -> Array:
        if not jnp.issubdtype(old.dtype, jnp.floating):
            return jnp.maximum(old, new)  # counts, as over shards
        return (new + decay * (old - new).astype(jnp.float32)).astype(old.dtype)

    params = jax.tree.map(blend, state.ema.params, state.params)
    stats = jax.tree.map(blend, state.ema.stats, state.stats)
    transform = player.transform.update(tracing.whole(params), state.ema.transform)
    return state.replace(ema=Average(params, stats, transform))


def _decay(ema: Ema, step: Array, images: Scalar) -> Scalar:
    """Weight of the old average after step number `step`, float32 ()."""
    seen = (step + 1).astype(jnp.float32) * images
    half_life = jnp.float32(ema.half_life)
    if ema.ramp is not None:
        half_life = jnp.minimum(half_life, ema.ramp * seen)
    decay = jnp.exp2(-images / jnp.maximum(half_life, 1e-8))
    return jnp.where(seen > ema.start, decay, 0.0)
