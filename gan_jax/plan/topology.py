"""Devices by name, with or without having them.

    v3:8x8 v4:4x4x4 v5p:4x4x4 v5e:8x8 v6e:8x8    slices of TPUs, in chips
    h100:2x8 a100:1x8                            hosts x GPUs
    local                                        the devices of this machine

JAX compiles for TPUs with `libtpu` and for GPUs with its CUDA plugin; neither needs the
hardware.
"""

from __future__ import annotations

import importlib.resources
import importlib.util
import math
import os
import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import jax
from jax.experimental import topologies

from gan_jax.errors import UserError
from gan_jax.plan.chips import GPUS, TPUS, Chip, of_kind

LOCAL = "local"
"""The topology of the devices that are present."""
EXAMPLES = ("v3:8x8", "v4:4x4x4", "v5p:4x4x4", "v5e:8x8", "v6e:8x8", "h100:2x8", "a100:1x8")
"""A name of each kind."""

# Ahead of time there is no TPU, and libtpu must not look for one: neither in the metadata
# of the cloud, nor by the lock that keeps two programs off one device.
_ENVIRONMENT = {
    "TPU_ACCELERATOR_TYPE": "v4-8",
    "TPU_WORKER_HOSTNAMES": "localhost",
    "TPU_SKIP_MDS_QUERY": "1",
    "ALLOW_MULTIPLE_LIBTPU_LOAD": "1",
}


class Name(NamedTuple):
    """A topology's name, taken apart.

    Attributes:
        text: the name itself.
        chip: what it is made of; None for "local".
        shape: chips along each axis of a TPU slice, or (hosts, GPUs per host).
    """

    text: str
    chip: Chip | None
    shape: tuple[int, ...]


class Topology(NamedTuple):
    """Devices to compile for.

    Attributes:
        name: as the user says it.
        devices: all of them, in the order of a run's mesh.
        chip: what they are; None if the table of chips does not have them.
        chips: number of chips.
        hosts: number of hosts.
    """

    name: str
    devices: tuple[jax.Device, ...]
    chip: Chip | None
    chips: int
    hosts: int


def parse(text: str) -> Name:
    """Takes a name apart.

    Raises:
        UserError: no topology has such a name; names the known kinds.
    """
    if text == LOCAL:
        return Name(text, None, ())
    found = re.fullmatch(r"([a-z0-9]+):(\d+(?:x\d+)*)", text)
    chip = {**TPUS, **GPUS}.get(found[1]) if found else None
    if found is None or chip is None:
        raise UserError(
            f"no topology is named {text!r}; there are {LOCAL} and, of any size, "
            f"{', '.join(EXAMPLES)}"
        )
    shape = tuple(int(size) for size in found[2].split("x"))
    example = next(name for name in EXAMPLES if name.startswith(f"{chip.name}:"))
    if len(shape) != example.count("x") + 1 or min(shape) < 1:
        raise UserError(f"topology {text!r} must have positive sizes as {example!r} has")
    return Name(text, chip, shape)


def prepare(names: Sequence[Name]) -> None:
    """Readies this process for the topologies; to be called before any use of a device.

    Unless they are local, JAX is kept from looking for accelerators.

    Raises:
        UserError: a package that compiles for one of them is missing, or local devices are
            asked for beside them.
    """
    chips = {name.chip.name for name in names if name.chip is not None}
    if chips & set(TPUS):
        _need("libtpu", "libtpu", "TPUs", "tpu")
    if chips & set(GPUS):
        _need("jax_plugins.xla_cuda12", "jax-cuda12-plugin", "GPUs", "cuda-plan")
    if not chips:
        return
    if any(name.chip is None for name in names):
        raise UserError(
            f"plan {LOCAL!r} apart from other topologies: for these, JAX must not look for "
            "devices"
        )
    jax.config.update("jax_platforms", "cpu")
    for variable, value in _ENVIRONMENT.items():
        os.environ.setdefault(variable, value)


def _need(module: str, package: str, what: str, extra: str) -> None:
    parent = module.partition(".")[0]
    if importlib.util.find_spec(parent) is None or importlib.util.find_spec(module) is None:
        raise UserError(
            f"compiling for {what} needs {package}; pip install 'gan-jax[{extra}]'"
        )


def open_topology(name: Name) -> Topology:
    """Describes a topology's devices to the compiler.

    Args:
        name: as of `parse`; `prepare` was called with it.

    Raises:
        UserError: the compiler knows no slice of that shape.
    """
    if name.chip is None:
        return _local()
    describe = _describe_tpu if name.chip.name in TPUS else _describe_gpu
    try:
        devices = describe(name)
    except Exception as error:  # the plugins raise errors of many kinds
        reason = " ".join(str(error).split()) or type(error).__name__
        raise UserError(
            f"the compiler cannot describe the topology {name.text!r}: {reason}"
        ) from error
    chips = math.prod(name.shape)
    return Topology(name.text, _ordered(devices), name.chip, chips, _hosts(devices))


def _describe_tpu(name: Name) -> Sequence[jax.Device]:
    # On v4, as on later chips, both cores of a chip are one device; libtpu has to be told.
    options: Mapping[str, Any] = (
        {"chip_config_name": "megacore"} if name.text.startswith("v4:") else {}
    )
    return topologies.get_topology_desc(name.text, platform="tpu", **options).devices


def _describe_gpu(name: Name) -> Sequence[jax.Device]:
    assert name.chip is not None
    target = importlib.resources.files("gan_jax.plan") / f"targets/{name.chip.name}.txtpb"
    hosts, gpus = name.shape
    return topologies.get_topology_desc(
        "", platform="cuda", target_config=target.read_text(), topology=f"1x{hosts}x{gpus}"
    ).devices


def _local() -> Topology:
    devices = jax.devices()
    chip = of_kind(devices[0].device_kind)
    per_chip = 1 if chip is None else chip.devices_per_chip
    count = max(len(devices) // per_chip, 1)
    return Topology(LOCAL, _ordered(devices), chip, count, _hosts(devices))


def _ordered(devices: Sequence[jax.Device]) -> tuple[jax.Device, ...]:
    """As a run's mesh orders them: the devices of a process lie together."""
    return tuple(sorted(devices, key=lambda device: (device.process_index, device.id)))


def _hosts(devices: Sequence[jax.Device]) -> int:
    return len({device.process_index for device in devices})
