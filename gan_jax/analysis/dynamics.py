"""The dynamics of a game at one state: who pulls where, and whether it turns or settles.

With v(theta) the joint gradient field of all players (each player's loss differentiated in
its own parameters), simultaneous gradient descent is theta' = theta - h v(theta). The
eigenvalues of its Jacobian dv/dtheta say what happens near an equilibrium: positive real
parts attract, imaginary parts rotate (Mescheder et al., 1705.10461 and 1801.04406).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree

from gan_jax.engine import phase_losses
from gan_jax.game import Aux, Batch, Game
from gan_jax.penalties import vector_field
from gan_jax.state import GameState
from gan_jax.types import Array, Key, Params, Scalar

PhaseLosses = Callable[[Mapping[str, Params]], tuple[dict[str, Scalar], Aux]]

Field = Callable[[Mapping[str, Params]], dict[str, Params]]
"""`({player: params}) -> {player: gradient of its loss}`."""


def gradient_field(game: Game, state: GameState, batch: Batch) -> Field:
    """The joint gradient field around a state.

    Args:
        game: the method; a player that moves in several phases has the sum of its losses,
            lazy ones included.
        state: everything but the parameters: statistics, transforms, memory, keys.
        batch: leaves (rounds, batch, ...), of which the first round is used.

    Returns:
        The field over the parameters of all players that move.
    """

    def field(params: Mapping[str, Params]) -> dict[str, Params]:
        here = _with_params(state, params)
        total: dict[str, Params] = {}
        for phase in game.phases:
            losses = partial(_losses, phase_losses(game, phase, here, batch))
            own = vector_field(losses, {name: params[name] for name in phase.movers})
            for name, gradient in own.items():
                before = total.get(name, jax.tree.map(jnp.zeros_like, gradient))
                total[name] = jax.tree.map(jnp.add, before, gradient)
        return total

    return field


def _with_params(state: GameState, params: Mapping[str, Params]) -> GameState:
    players = {
        name: player.replace(params=params[name]) if name in params else player
        for name, player in state.players.items()
    }
    return state.replace(players=players)


def moving_params(game: Game, state: GameState) -> dict[str, Params]:
    """The parameters of the players that move, by name: where a field is evaluated."""
    movers = {name for phase in game.phases for name in phase.movers}
    return {name: state.players[name].params for name in sorted(movers)}


def jacobian_eigenvalues(
    field: Field, params: Mapping[str, Params], key: Key, *, iterations: int = 30
) -> np.ndarray:
    """Eigenvalues of the Jacobian of a field, by Arnoldi iteration on its derivatives.

    Each iteration is one forward-mode derivative of the field (a second derivative of the
    losses); no matrix is formed. The extreme eigenvalues converge first; with as many
    iterations as there are parameters all are exact to rounding.

    Args:
        field: from `gradient_field`, or any function of the same kind.
        params: where.
        key: typed key of the start vector.
        iterations: size of the Krylov space.

    Returns:
        Complex128, by descending modulus: as many as iterations, or as the space has.

    Raises:
        ValueError: `iterations` is below 1.
    """
    if iterations < 1:
        raise ValueError(f"iterations must be at least 1, got {iterations}")
    flat, unravel = ravel_pytree(dict(params))

    @jax.jit
    def product(direction: Array) -> Array:
        derivative = jax.jvp(field, (dict(params),), (unravel(direction),))[1]
        return ravel_pytree({name: derivative[name] for name in params})[0]

    start = np.asarray(jax.random.normal(key, flat.shape, flat.dtype), np.float64)
    hessenberg = _arnoldi(product, start, min(iterations, flat.size))
    values = np.linalg.eigvals(hessenberg)
    return values[np.argsort(-np.abs(values))]


def _arnoldi(
    product: Callable[[Array], Array], start: np.ndarray, iterations: int
) -> np.ndarray:
    """The Hessenberg matrix of a linear map on the Krylov space of `start`; twice
    orthogonalised, in float64, since what is lost there comes back as false eigenvalues.
    """
    basis = [start / np.linalg.norm(start)]
    hessenberg = np.zeros((iterations, iterations))
    for column in range(iterations):
        image = np.asarray(product(jnp.asarray(basis[-1], jnp.float32)), np.float64)
        length = float(np.linalg.norm(image))
        matrix = np.stack(basis)
        for _ in range(2):
            parts = matrix @ image
            image = image - parts @ matrix
            hessenberg[: column + 1, column] += parts
        rest = float(np.linalg.norm(image))
        if column + 1 == iterations or rest <= 1e-6 * max(length, 1e-30):
            return hessenberg[: column + 1, : column + 1]
        hessenberg[column + 1, column] = rest
        basis.append(image / rest)
    return hessenberg


def _losses(losses: PhaseLosses, moving: Mapping[str, Params]) -> dict[str, Scalar]:
    return losses(moving)[0]


def _terms(
    losses: PhaseLosses,
    others: Mapping[str, Params],
    player: str,
    params: Params,
) -> dict[str, Scalar]:
    return dict(losses({**others, player: params})[1].terms)


class TermGradients(NamedTuple):
    """How the terms of one player's loss pull at its parameters.

    Attributes:
        names: of the terms, "phase/term".
        norms: float32 (terms,), of the gradients of the unweighted terms.
        cosines: float32 (terms, terms), between these gradients.
    """

    names: tuple[str, ...]
    norms: Array
    cosines: Array


def term_gradients(
    game: Game, state: GameState, batch: Batch, player: str
) -> TermGradients:
    """Gradient norms of the terms of a player's loss, and the angles between them.

    Terms are those that the game's objectives report (`Aux.terms`): the adversarial loss
    and every weighted term of a two-player game.

    Args:
        game: the method.
        state: where to look.
        batch: leaves (rounds, batch, ...), of which the first round is used.
        player: who moves.

    Raises:
        ValueError: no phase moves the player.
    """
    phases = [phase for phase in game.phases if player in phase.movers]
    if not phases:
        raise ValueError(f"no phase moves {player!r}")
    names: list[str] = []
    gradients: list[Array] = []
    for phase in phases:
        losses = phase_losses(game, phase, state, batch)
        others = {name: state.players[name].params for name in phase.movers}

        terms = partial(_terms, losses, others, player)
        by_term = jax.jit(jax.jacrev(terms))(state.players[player].params)
        for name, gradient in by_term.items():
            names.append(f"{phase.name}/{name}")
            gradients.append(ravel_pytree(gradient)[0].astype(jnp.float32))
    matrix = jnp.stack(gradients)
    norms = jnp.linalg.norm(matrix, axis=1)
    unit = matrix / jnp.maximum(norms, 1e-30)[:, None]
    return TermGradients(tuple(names), norms, unit @ unit.T)
