"""Schedules over images seen."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import optax


def schedule_in_images(
    schedule: optax.Schedule, batch_size: int, *, updates_per_step: float = 1.0
) -> optax.Schedule:
    """An optax schedule given in images seen, as one over optimizer updates.

    Images seen are steps times the global batch size. An optimizer counts its own updates,
    of which a player with several rounds makes more than one per step.

    Args:
        schedule: `(images seen) -> value`, such as `optax.linear_schedule(2e-4, 0.0,
            transition_steps=5_000_000)`.
        batch_size: global batch size, images.
        updates_per_step: updates this optimizer makes per step of the game: the phase's
            `repeat`, plus 1 / `every` for each lazy phase of the same player.

    Returns:
        `(number of updates) -> value`.

    Raises:
        ValueError: `batch_size` or `updates_per_step` is not positive.
    """
    if batch_size <= 0 or updates_per_step <= 0:
        raise ValueError(
            "schedule_in_images needs a positive batch_size and updates_per_step, got "
            f"{batch_size} and {updates_per_step}"
        )
    images_per_update = batch_size / updates_per_step

    def in_updates(count: jax.typing.ArrayLike) -> jax.typing.ArrayLike:
        # In float32, for int32 images would overflow at 2^31.
        return schedule(jnp.asarray(count, jnp.float32) * images_per_update)

    return in_updates
