"""Stages of methods that grow, as a config describes them."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Mapping
from typing import Any

from ml_collections import ConfigDict

from gan_jax.errors import UserError
from gan_jax.methods.growing import Turn, timetable
from gan_jax.networks.growing import stages_of

_TAKEN = ("stage", "fade")
OPTIONS = frozenset(inspect.signature(timetable).parameters) - {
    "stages", "batch_size", "multiple"
}  # fmt: skip
"""Model options that say when a run grows."""


def config_turns(
    config: ConfigDict, image_shape: tuple[int, ...]
) -> list[tuple[int | None, ConfigDict]]:
    """The stages of a config whose method grows: the step before which each ends, and its
    config, with options of the networks alone.

    Raises:
        UserError: images of this shape do not grow, a number is out of range, or fields
            disagree.
    """
    if config.stages:
        raise UserError(
            f"method {config.method!r} has stages of its own: leave stages empty, and set "
            "model.fade_images and model.stable_images"
        )
    model = config.model.to_dict()
    for name in _TAKEN:
        if name in model:
            raise UserError(
                f"model option {name!r} follows from the images seen; set "
                "model.fade_images and model.stable_images"
            )
    times = {name: model.pop(name) for name in OPTIONS & model.keys()}
    if len(image_shape) != 3:
        raise UserError(
            f"method {config.method!r} grows images, not examples of shape {image_shape}"
        )
    try:
        turns = timetable(
            stages_of(*image_shape[:2]),
            config.train.batch_size,
            multiple=config.train.steps_per_dispatch,
            **times,
        )
    except (ValueError, TypeError) as error:
        reason = " ".join(str(error).split())
        raise UserError(f"method {config.method!r}: {reason}") from error
    return [(turn.until, _at_turn(config, model, turn)) for turn in turns]


def _at_turn(config: ConfigDict, model: Mapping[str, Any], turn: Turn) -> ConfigDict:
    """The config of a stage."""
    changed = copy.deepcopy(config)
    with changed.unlocked():
        changed.model = ConfigDict({**model, "stage": turn.stage, "fade": turn.fade})
    for player in ("g", "d"):
        spec = changed.recipe[f"{player}_optimizer"]
        if turn.rate != 1.0 and spec.name is None:
            raise UserError(f"model.rates needs recipe.{player}_optimizer.name")
        if turn.rate != 1.0:
            spec.learning_rate *= turn.rate
            spec.final_rate *= turn.rate
    return changed
