"""What optax lacks: constraints, schedules and look-ahead for players of a game."""

from gan_jax.optim.box import keep_params_in_box
from gan_jax.optim.freeze import freeze
from gan_jax.optim.games import (
    ExtragradientState,
    OptimisticState,
    extragradient,
    optimistic,
)
from gan_jax.optim.lazy import lazy_adam
from gan_jax.optim.schedules import schedule_in_images

__all__ = [
    "ExtragradientState",
    "OptimisticState",
    "extragradient",
    "freeze",
    "keep_params_in_box",
    "lazy_adam",
    "optimistic",
    "schedule_in_images",
]
