"""Penalties as functions of a parameter pytree."""

from __future__ import annotations

from collections.abc import Callable

from gan_jax.types import Array, Key, Params, Penalty, PyTree, Scalar


def lift(
    apply: Callable[[Params, PyTree], Array], penalty: Penalty
) -> Callable[[Params, PyTree, PyTree, Key], Scalar]:
    """Turns a penalty on a critic into a function of the critic's parameters.

    Args:
        apply: `(params, inputs) -> logits (batch,)`; inputs are any pytree with a leading
            batch axis.
        penalty: `(critic, real, fake, key) -> scalar`.

    Returns:
        `(params, real, fake, key) -> scalar`, ready for `jax.grad` in `params`.
    """

    def lifted(params: Params, real: PyTree, fake: PyTree, key: Key) -> Scalar:
        return penalty(lambda inputs: apply(params, inputs), real, fake, key)

    return lifted
