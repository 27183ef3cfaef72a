"""Penalties: on a critic's gradient with respect to its inputs, and on parameters."""

from gan_jax.penalties.gradient import (
    assert_per_example,
    dragan,
    finite_difference_penalty,
    gradient_penalty,
    r1,
    r2,
)
from gan_jax.penalties.lift import lift
from gan_jax.penalties.weights import orthogonal

__all__ = [
    "assert_per_example",
    "dragan",
    "finite_difference_penalty",
    "gradient_penalty",
    "lift",
    "orthogonal",
    "r1",
    "r2",
]
