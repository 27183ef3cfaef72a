"""Optimizers and schedules as configs describe them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
import optax
from ml_collections import ConfigDict

from gan_jax.config import choose, default_config
from gan_jax.errors import UserError
from gan_jax.optim import keep_params_in_box, schedule_in_images

_READ_BY = {
    "adam": {"b1", "b2", "eps", "final_b2"},
    "rmsprop": {"b2", "eps", "momentum"},
    "sgd": {"momentum"},
}
"""Fields of an optimizer's config that it reads besides those that all read."""


def build_optimizer(
    name: str, spec: ConfigDict, batch_size: int, updates_per_step: float
) -> optax.GradientTransformation | None:
    """The optimizer of a config.

    Args:
        name: of the config's field, for errors.
        spec: its fields.
        batch_size: global batch size, images.
        updates_per_step: updates the optimizer makes per step of the game.

    Returns:
        The optimizer; None for the method's own.

    Raises:
        UserError: fields contradict each other, or would not be read.
    """
    _check_optimizer(name, spec)
    if spec.name is None:
        return None

    def moving(begin: float, end: float | None) -> Any:
        """A value that decays with the rate; where there is no decay, the value."""
        if end is None or spec.decay_to is None:
            return begin
        over_images = decaying(spec.decay, begin, end, spec.decay_from, spec.decay_to)
        return schedule_in_images(
            over_images, batch_size, updates_per_step=updates_per_step
        )

    rate, b2 = moving(spec.learning_rate, spec.final_rate), moving(spec.b2, spec.final_b2)
    adam = optax.inject_hyperparams(optax.adam) if callable(b2) else optax.adam
    makers: dict[str, Callable[[], optax.GradientTransformation]] = {
        "adam": lambda: adam(rate, b1=spec.b1, b2=b2, eps=spec.eps),
        "rmsprop": lambda: optax.rmsprop(
            rate, decay=spec.b2, eps=spec.eps, momentum=spec.momentum or None
        ),
        "sgd": lambda: optax.sgd(rate, momentum=spec.momentum or None),
    }
    tx = makers[spec.name]()
    if spec.box is None:
        return tx
    return optax.chain(tx, keep_params_in_box(-spec.box, spec.box))


_DECAYS = ("linear", "cosine")


def decaying(
    shape: str, begin: float, end: float, start: float, stop: float
) -> optax.Schedule:
    """`(images seen) -> value`: `begin` until `start`, `end` from `stop` on.

    Args:
        shape: "linear" or "cosine".
        begin: first value; not 0 for a cosine.
        end: last value.
        start: images seen at which it begins to move.
        stop: images seen at which it has arrived.
    """
    if shape == "cosine":
        over = optax.cosine_decay_schedule(begin, stop - start, alpha=end / begin)
    else:
        over = optax.linear_schedule(begin, end, stop - start)
    return lambda images: over(jnp.maximum(images - start, 0.0))


def _check_optimizer(name: str, spec: ConfigDict) -> None:
    """Refuses fields that would not be read, and those that contradict each other."""
    read = {"learning_rate", "decay", "decay_from", "decay_to", "final_rate", "box"}
    if spec.name is None:
        read = set()
    else:
        read |= choose("optimizer", spec.name, _READ_BY)
    plain = default_config().recipe[name]
    for field, value in spec.items():
        if field != "name" and field not in read and value != plain[field]:
            why = (
                "needs a name" if spec.name is None else f"{spec.name!r} has no such field"
            )
            raise UserError(f"recipe.{name}.{field} is set, but recipe.{name} {why}")
    if (spec.decay_from is None) != (spec.decay_to is None):
        raise UserError(f"recipe.{name}: set decay_from and decay_to together")
    moved = {"final_rate": spec.final_rate, "final_b2": spec.final_b2}
    for field, value in moved.items():
        if value and spec.decay_to is None:
            raise UserError(f"recipe.{name}.{field} needs decay_from and decay_to")
    choose("decay", spec.decay, dict.fromkeys(_DECAYS))
    if spec.decay_to is not None and not 0 <= spec.decay_from < spec.decay_to:
        raise UserError(f"recipe.{name}: decay_to must lie after decay_from")
    if spec.box is not None and spec.box <= 0:
        raise UserError(f"recipe.{name}.box must be positive, got {spec.box}")
