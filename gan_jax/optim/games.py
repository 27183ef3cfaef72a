"""Optimizers that look ahead, for games in which plain descent circles the solution.

Both wrap any optimizer and are used as one: `tx.update(grads, state, params)` once per run
of a phase. A constraint on parameters (`keep_params_in_box`) belongs outside, last in the
chain: then every point at which gradients are taken satisfies it.

For players to look ahead together, as the papers have it, they must move in one phase.
In phases one after the other each looks ahead against opponents that have moved already.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax

from gan_jax.types import Array, Params, PyTree


class OptimisticState(NamedTuple):
    """State of `optimistic`.

    Attributes:
        inner: state of the wrapped optimizer.
        previous: its last update; zeros at first.
    """

    inner: optax.OptState
    previous: PyTree


def optimistic(tx: optax.GradientTransformation) -> optax.GradientTransformation:
    """Counts the newest step twice and takes the one before back: 2 u_t - u_{t-1}.

    Around `optax.sgd` it is optimistic mirror descent, and around `optax.adam` Optimistic
    Adam, of Daskalakis et al. 2017 (arXiv 1711.00141, algorithm 1); u_0 = 0. Around SGD it
    is also extrapolation from the past, Gidel et al. 2018 (arXiv 1802.10551, algorithm 3),
    whose extrapolated points are the parameters here; the point from which it extrapolates
    lies u_t behind them. (Their Adam from the past, algorithm 4, is another: each gradient
    enters its moments twice.) One gradient per step.

    `optax.optimistic_gradient_descent` differs in its first step alone, where it takes
    u_0 = u_1; so does `optax.optimistic_adam_v2`, if given `nesterov=False`.

    Args:
        tx: any optimizer, learning rate included.
    """

    def init(params: Params) -> OptimisticState:
        return OptimisticState(tx.init(params), jax.tree.map(jnp.zeros_like, params))

    def update(
        updates: PyTree, state: optax.OptState, params: Params | None = None
    ) -> tuple[PyTree, optax.OptState]:
        assert isinstance(state, OptimisticState)
        step, inner = tx.update(updates, state.inner, params)
        ahead = jax.tree.map(lambda u, last: 2.0 * u - last, step, state.previous)
        kept = jax.tree.map(lambda u, last: u.astype(last.dtype), step, state.previous)
        return ahead, OptimisticState(inner, kept)

    return optax.GradientTransformation(init, update)


class ExtragradientState(NamedTuple):
    """State of `extragradient`.

    Attributes:
        inner: state of the wrapped optimizer.
        anchor: the parameters before the extrapolation, if one is under way.
        extrapolated: whether one is, bool ().
    """

    inner: optax.OptState
    anchor: PyTree
    extrapolated: Array


def extragradient(tx: optax.GradientTransformation) -> optax.GradientTransformation:
    """Steps from where it was, by the gradient from where a step would lead.

    Korpelevich's method, with Adam the ExtraAdam of Gidel et al. 2018 (arXiv 1802.10551,
    algorithms 2 and 4). Calls alternate:

        extrapolation:  w' = w + u(g(w)), and w is kept
        update:         w  = w + u(g(w')), from the w that was kept

    so it needs two gradients per step of the method: give the phase `repeat=2` (and each
    run a round of data of its own), or an even number. The wrapped optimizer sees w as the
    parameters in both calls, and its moments move in both, as in algorithm 4. After an odd
    number of calls the parameters are the extrapolated ones.

    Args:
        tx: any optimizer, learning rate included.

    Raises:
        ValueError: at update, parameters are not given.
    """

    def init(params: Params) -> ExtragradientState:
        return ExtragradientState(tx.init(params), params, jnp.zeros((), bool))

    def update(
        updates: PyTree, state: optax.OptState, params: Params | None = None
    ) -> tuple[PyTree, optax.OptState]:
        assert isinstance(state, ExtragradientState)
        if params is None:
            raise ValueError(
                "extragradient needs the parameters: call tx.update(updates, state, params)"
            )
        back = state.extrapolated
        anchor = jax.tree.map(lambda a, p: jnp.where(back, a, p), state.anchor, params)
        step, inner = tx.update(updates, state.inner, anchor)
        # The way back is zero, and adding it exact, where nothing was extrapolated.
        moves = jax.tree.map(lambda a, p, u: (a - p) + u, anchor, params, step)
        return moves, ExtragradientState(inner, anchor, ~back)

    return optax.GradientTransformation(init, update)
