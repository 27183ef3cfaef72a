"""Earlier stages of a run, as a config lists them."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any, NamedTuple

from ml_collections import ConfigDict

from gan_jax.config import nearest
from gan_jax.errors import UserError

_OWN = ("until", "model", "restart")


class Part(NamedTuple):
    """One stage.

    Attributes:
        until: the step before which it ends; None for the last.
        config: of the stage.
        afresh: whether the players' Adam begins anew with it.
    """

    until: int | None
    config: ConfigDict
    afresh: bool


def parts(config: ConfigDict) -> list[Part]:
    """The stages that a config lists, then the run itself.

    Raises:
        UserError: a stage has no end, ends before the one before it, or changes what there
            is not.
    """
    found: list[Part] = []
    afresh = False
    for number, entry in enumerate(config.stages):
        name, begin = f"stages[{number}]", found[-1].until if found else 0
        until = entry.get("until") if isinstance(entry, Mapping | ConfigDict) else None
        if not isinstance(until, int) or until <= (begin or 0):
            raise UserError(
                f"{name} needs 'until', the step at which it ends, a whole number "
                f"above {begin}"
            )
        check_multiple(f"{name}['until']", until, config.train.steps_per_dispatch)
        found.append(Part(until, _changed(name, config, entry), afresh))
        afresh = bool(entry.get("restart", False))
    return [*found, Part(None, config, afresh)]


def check_multiple(name: str, value: int, per_call: int) -> None:
    """Refuses a number of steps that dispatches of several steps cannot reach."""
    if value % per_call:
        raise UserError(
            f"{name} ({value}) must be a multiple of train.steps_per_dispatch ({per_call})"
        )


def _changed(stage: str, config: ConfigDict, entry: Mapping[str, Any]) -> ConfigDict:
    """The config with the recipe and the model options of a stage."""
    changed = copy.deepcopy(config)  # with the types of fields that are not set
    with changed.unlocked():
        changed.model.update(dict(entry.get("model", {})))
    for name, value in entry.items():
        if name in _OWN:
            continue
        if name not in changed.recipe:
            raise UserError(
                f"{stage} names no recipe field {name!r}"
                f"{nearest(name, [*changed.recipe, *_OWN])}"
            )
        try:
            _set_field(changed, name, value)
        except (TypeError, KeyError, ValueError) as error:
            reason = " ".join(str(error).split())
            raise UserError(f"{stage}[{name!r}]: {reason}") from error
    return changed


def _set_field(config: ConfigDict, name: str, value: Any) -> None:
    """Sets a recipe field; of a group of fields only those that are given."""
    if name in ("d_terms", "g_terms", "augment"):
        with config.unlocked():
            config.recipe[name] = ConfigDict(value)
    elif isinstance(config.recipe[name], ConfigDict):
        for part, entry in dict(value).items():
            config.recipe[name][part] = entry
    else:
        config.recipe[name] = value
