"""What to change in a config that does not fit: changes are tried until one does."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from ml_collections import ConfigDict

from gan_jax.methods import METHODS
from gan_jax.plan.compiled import Compile, Measured, TooLarge
from gan_jax.plan.topology import Topology

_SHARDED = 2**16
"""Elements from which leaves are sharded, as `gan_jax.parallel.fsdp` has it."""

Changes = Mapping[str, Any]
"""`{field of the config: value}`."""


class Trial(NamedTuple):
    """A change that was tried.

    Attributes:
        changes: fields of the config.
        result: what the compiler made of it.
    """

    changes: Changes
    result: Measured | TooLarge

    @property
    def fits(self) -> bool:
        """Whether the device has memory enough for it."""
        return fits(self.result)


def fits(result: Measured | TooLarge) -> bool:
    """Whether a step fits; so it is held to do on devices of unknown memory."""
    return isinstance(result, Measured) and result.memory.fits is not False


def advise(
    config: ConfigDict,
    topology: Topology,
    result: Measured | TooLarge,
    compile_for: Compile,
    *,
    limit: int = 8,
) -> tuple[Trial, ...]:
    """Tries changes, from harmless to far-reaching, until one fits.

    Micro-batches come first (batch norm then works on slices), then computing activations
    twice, sharding the state, all three, and at last smaller batches.

    Args:
        config: what does not fit.
        topology: what it does not fit on.
        result: what the compiler made of it.
        compile_for: compiles a config.
        limit: how many changes to try.

    Returns:
        What was tried, the one that fits last; empty if `result` fits.
    """
    trials: list[Trial] = []
    if fits(result):
        return ()
    for changes in _candidates(config, topology, result):
        if len(trials) == limit:
            break
        trials.append(Trial(changes, compile_for(changed(config, changes), topology)))
        if trials[-1].fits:
            break
    return tuple(trials)


def changed(config: ConfigDict, changes: Changes) -> ConfigDict:
    """A copy of a config with other values."""
    copied = copy.deepcopy(config)
    with copied.unlocked():
        for path, value in changes.items():
            group, _, name = path.rpartition(".")
            target = copied
            for step in group.split("."):
                target = target[step]
            target[name] = value
    return copied


def _candidates(
    config: ConfigDict, topology: Topology, result: Measured | TooLarge
) -> Iterator[Changes]:
    slices = [{"train.microbatches": n} for n in _microbatches(config, topology, result)]
    again = _remat(config)
    sharded = _sharding(config)
    crowded = _share_of_state(result) > 0.5
    yield from ([sharded] if crowded and sharded else [])
    yield from slices[:2]
    yield from ([again] if again else [])
    yield from ([sharded] if sharded and not crowded else [])
    most = again | sharded | (slices[-1] if slices else {})
    if most not in (again, sharded, *slices[:2]):
        yield most
    batch = config.train.batch_size // 2
    while batch and batch % len(topology.devices) == 0:
        if batch % config.train.microbatches == 0:
            yield {"train.batch_size": batch}
        batch //= 2


def _microbatches(
    config: ConfigDict, topology: Topology, result: Measured | TooLarge
) -> list[int]:
    """Numbers of micro-batches that divide the batch, from the smallest that may fit."""
    now, size = config.train.microbatches, config.train.batch_size
    rows = size // len(topology.devices)
    possible = [n for n in range(now + 1, rows + 1) if n % now == 0 and rows % n == 0]
    excess = _excess(result)
    promising = [n for n in possible if n >= now * excess]
    return promising or possible[-1:]


def _excess(result: Measured | TooLarge) -> float:
    """How often the temporaries would fill the room that is left to them."""
    chip = result.topology.chip
    if chip is None:
        return 2.0
    state = sum(part.bytes for part in result.parts)
    room = max(chip.memory - state, 1)
    if isinstance(result, Measured):
        return (result.memory.peak - state) / room
    return 2.0 if result.asked is None else result.asked / room


def _share_of_state(result: Measured | TooLarge) -> float:
    """Share of the memory that state and batch take."""
    chip = result.topology.chip
    return 0.0 if chip is None else sum(part.bytes for part in result.parts) / chip.memory


def _remat(config: ConfigDict) -> dict[str, Any]:
    options = inspect.signature(METHODS[config.method]).parameters
    if "remat" not in options or config.model.get("remat", False):
        return {}
    return {"model.remat": True}


def _sharding(config: ConfigDict) -> dict[str, Any]:
    if config.parallel.mode != "jit" or config.parallel.fsdp_min_size is not None:
        return {}
    return {"parallel.fsdp_min_size": _SHARDED}
