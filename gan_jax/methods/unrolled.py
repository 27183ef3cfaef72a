"""Discriminator updates that the generator looks through (1611.02163)."""

from __future__ import annotations

from collections.abc import Callable

import jax
import optax

from gan_jax import tracing
from gan_jax.types import Params, Scalar


def look_ahead(
    params: Params,
    opt: optax.OptState,
    tx: optax.GradientTransformation,
    steps: int,
    loss: Callable[[Params], Scalar],
) -> Params:
    """A player's parameters as they will be, differentiable in whatever `loss` depends on.

    Args:
        params: the player's parameters as they are.
        opt: the state of its optimizer; the updates go on from there, as the player will.
        tx: its optimizer. An Adam needs `eps_root` above zero: without it the gradient of
            its square root is not finite where a parameter has had no gradient.
        steps: number of updates, K in the paper.
        loss: the player's loss on the batch as a function of its parameters, and through
            generated examples of the generator's (1611.02163, eq. 6 to 8).
    """

    def update(
        carry: tuple[Params, optax.OptState], _: None
    ) -> tuple[tuple[Params, optax.OptState], None]:
        params, opt = carry
        grads = tracing.pmean(jax.grad(loss)(params))
        with jax.numpy_dtype_promotion("standard"):
            updates, opt = tx.update(grads, opt, params)
        return (optax.apply_updates(params, updates), opt), None

    (params, _), _ = jax.lax.scan(update, (params, opt), length=steps)
    return params
