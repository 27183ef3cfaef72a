"""The state of a run: arrays only, with a tree structure that never changes."""

from __future__ import annotations

from flax import struct

from gan_jax.types import Array, Key, Params, PyTree, Stats


class Average(struct.PyTreeNode):
    """An exponential moving average of a player, ready to be evaluated.

    Attributes:
        params: averaged parameters, `{net: params}`.
        stats: averaged statistics, `{net: stats}`.
        transform: the transform's state for `params`. It is advanced with the average and
            not copied from the player: spectral norms of averaged kernels are not averages
            of spectral norms.
    """

    params: Params
    stats: Stats
    transform: PyTree


class PlayerState(struct.PyTreeNode):
    """What one player owns.

    Attributes:
        params: `{net: params}`, the trained leaves.
        stats: `{net: stats}`, everything else the nets keep (batch statistics).
        transform: state of the player's `ParamTransform`.
        opt: state of the player's optimizer, `()` for a spectator.
        ema: an `Average`, or `()` for a player without one.
    """

    params: Params
    stats: Stats
    transform: PyTree
    opt: PyTree
    ema: Average | tuple[()]


class GameState(struct.PyTreeNode):
    """The whole state of a run.

    Attributes:
        step: steps done, int32 ().
        key: the run's typed key, (); never advanced, always folded.
        players: `{name: PlayerState}`.
        memory: what the game carries besides players, `{name: pytree}`.
    """

    step: Array
    key: Key
    players: dict[str, PlayerState]
    memory: dict[str, PyTree]
