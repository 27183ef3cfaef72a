"""Consensus optimisation: players agree to make the game's gradient field small."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import jax
import jax.numpy as jnp

from gan_jax import tracing
from gan_jax.numerics import own_gradients
from gan_jax.types import Params, Scalar

Losses = Callable[[Mapping[str, Params]], Mapping[str, Scalar]]
"""`({player: params}) -> {player: its loss}`, functions of all players' parameters."""


def vector_field(losses: Losses, params: Mapping[str, Params]) -> dict[str, Params]:
    """The joint gradient field of a game: each player's gradient of its own loss.

    Args:
        losses: losses of all players as a function of the parameters of all.
        params: `{player: params}`.

    Returns:
        `{player: gradient}`, in the structure of `params`, from one forward pass; over all
        shards of a mapped batch axis. The field is itself differentiable.

    Raises:
        ValueError: `losses` names other players than `params`.
    """
    values, pull = jax.vjp(losses, dict(params))
    if set(values) != set(params):
        raise ValueError(
            f"losses must name the players {sorted(params)}, got {sorted(values)}"
        )
    # Varying, so that the field may be differentiated between shards like any gradient.
    return tracing.varying(tracing.pmean(own_gradients(values, pull)))


def consensus(losses: Losses) -> Callable[[Mapping[str, Params]], Scalar]:
    """Consensus optimisation, Mescheder et al. 2017 (arXiv 1705.10461, section 4).

    1/2 ||v||_2^2 of the joint gradient field v = (grad_G L_G, grad_D L_D), to be weighted
    by gamma and added to the loss of every player, all of whom move
    together. The field is that of the whole batch; with accumulated micro-batches it is
    each micro-batch's own.

    Args:
        losses: losses of all players as a function of the parameters of all.

    Returns:
        `({player: params}) -> scalar`, float32.
    """

    def penalty(params: Mapping[str, Params]) -> Scalar:
        leaves = jax.tree.leaves(vector_field(losses, params))
        squares = [jnp.sum(jnp.square(x.astype(jnp.float32))) for x in leaves]
        return 0.5 * sum(squares, jnp.zeros((), jnp.float32))

    return penalty
