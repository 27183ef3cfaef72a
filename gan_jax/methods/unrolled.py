"""Discriminator updates that the generator looks through (1611.02163)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

import jax
import optax

from gan_jax import tracing
from gan_jax.game import View
from gan_jax.types import Params, Scalar


class Unroll(NamedTuple):
    """How far the generator looks ahead.

    Attributes:
        steps: discriminator updates, K in the paper; its toy experiments use 5 and 10.
        tx: the optimizer of these updates, which starts anew at every step of the game.
            Plain gradient descent: the first steps of an Adam have one size whatever the
            gradient, so that hardly anything passes through them to the generator.
    """

    steps: int
    tx: optax.GradientTransformation


def look_ahead(net: View, unroll: Unroll, loss: Callable[[Params], Scalar]) -> View:
    """The discriminator as it will be, differentiable in whatever `loss` depends on.

    Args:
        net: the discriminator as it is, without a parameter transform.
        unroll: number and kind of updates.
        loss: the discriminator's loss on the batch as a function of its parameters, and
            through generated examples of the generator's (1611.02163, eq. 6 to 8).

    Returns:
        The view after `unroll.steps` updates.
    """

    def update(
        carry: tuple[Params, optax.OptState], _: None
    ) -> tuple[tuple[Params, optax.OptState], None]:
        params, opt = carry
        grads = tracing.pmean(jax.grad(loss)(params))
        with jax.numpy_dtype_promotion("standard"):
            updates, opt = unroll.tx.update(grads, opt, params)
        return (optax.apply_updates(params, updates), opt), None

    start = net.params, unroll.tx.init(net.params)
    (params, _), _ = jax.lax.scan(update, start, length=unroll.steps)
    return replace(net, params=params, raw=params)
