"""What a device can do: peak rates, memory, links. One table, with its sources.

All figures are per JAX device: a whole chip, but one of the two cores of a TPU v3. Rates
are in units a second, memory in bytes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

GIB = 2**30


class Chip(NamedTuple):
    """A kind of device.

    Attributes:
        name: as in topology names.
        kind: what `jax.Device.device_kind` begins with.
        devices_per_chip: JAX devices on one chip.
        flops: `{dtype of a product's factors: peak FLOP/s}`, at JAX's default precision.
        memory: bytes that a program may use.
        bandwidth: bytes a second between the device and its memory.
        links: bytes a second that a device sends to its neighbours, all links together.
        network: bytes a second that a device sends to other hosts, where that is another
            network; None where the links reach them.
        clock: cycles a second, where the compiler counts cycles.
    """

    name: str
    kind: str
    devices_per_chip: int
    flops: Mapping[str, float]
    memory: int
    bandwidth: float
    links: float
    network: float | None = None
    clock: float | None = None


def _tpu(
    name: str,
    kind: str,
    *,
    cores: int = 1,
    tera: float,
    gib: float,
    bandwidth: float,
    links: float,
    per_cycle: int,
) -> Chip:
    """A TPU, from figures of the chip.

    The clock follows from the peak rate and the FLOPs of the matrix units in a cycle. By
    default, float32 factors are rounded to bfloat16 once, so both have the same peak.

    Args:
        name: as in topology names.
        kind: as JAX tells it.
        cores: JAX devices per chip.
        tera: peak bfloat16 TFLOP/s.
        gib: memory that the compiler grants to a program on one device.
        bandwidth: GB/s of the memory.
        links: GB/s sent over all links.
        per_cycle: FLOPs in a cycle.
    """
    peak = tera * 1e12
    return Chip(
        name,
        kind,
        cores,
        {"bfloat16": peak / cores, "float32": peak / cores},
        int(gib * GIB),
        bandwidth * 1e9 / cores,
        links * 1e9 / cores,
        clock=peak / per_cycle,
    )


_MXU = 2 * 128 * 128

# Peak rates, bandwidths and links: the system architecture pages of Google Cloud TPU
# (cloud.google.com/tpu/docs/v3 ... v6e); links of v3: N. P. Jouppi et al., "A
# domain-specific supercomputer for training deep neural networks", CACM 63(7), 2020 (four
# links of 656 Gbit/s); of v4: N. P. Jouppi et al., arXiv:2304.01433 (six of 50 GB/s).
# Matrix units: four of 128 x 128 a chip in v3 and v5e, eight in v4 and v5p, two of
# 256 x 256 in v6e, which work at twice the clock by which the compiler counts. Memory: what
# libtpu 0.0.42 says that a program may use.
_TPUS = (
    _tpu(
        "v3", "TPU v3", cores=2, tera=123, gib=15.48, bandwidth=900, links=328,
        per_cycle=4 * _MXU,
    ),
    _tpu(
        "v4", "TPU v4", tera=275, gib=30.75, bandwidth=1228, links=300, per_cycle=8 * _MXU
    ),
    _tpu(
        "v5p", "TPU v5", tera=459, gib=95.74, bandwidth=2765, links=600, per_cycle=8 * _MXU
    ),
    _tpu(
        "v5e", "TPU v5 lite", tera=197, gib=15.75, bandwidth=819, links=200,
        per_cycle=4 * _MXU,
    ),
    _tpu(
        "v6e", "TPU v6 lite", tera=918, gib=31.25, bandwidth=1640, links=400,
        per_cycle=16 * _MXU,
    ),
)  # fmt: skip

# NVIDIA's data sheets of the SXM modules with 80 GB: dense rates; float32 factors are
# rounded to TF32 by default. NVLink: half of the stated total is one direction. Hosts as in
# DGX systems: one 400 Gbit/s adapter a GPU (H100), one of 200 Gbit/s (A100). JAX reserves
# three quarters of a GPU's memory unless XLA_PYTHON_CLIENT_MEM_FRACTION says otherwise.
_GPUS = (
    Chip(
        "h100",
        "NVIDIA H100",
        1,
        {"bfloat16": 989e12, "float16": 989e12, "float32": 494e12},
        int(0.75 * 84_942_979_072),
        3.35e12,
        450e9,
        network=50e9,
    ),
    Chip(
        "a100",
        "NVIDIA A100",
        1,
        {"bfloat16": 312e12, "float16": 312e12, "float32": 156e12},
        int(0.75 * 85_100_068_864),
        2.039e12,
        300e9,
        network=25e9,
    ),
)

TPUS: Mapping[str, Chip] = {chip.name: chip for chip in _TPUS}
"""Kinds of TPU, by the name that topologies begin with."""
GPUS: Mapping[str, Chip] = {chip.name: chip for chip in _GPUS}
"""Kinds of GPU, likewise."""


def of_kind(kind: str) -> Chip | None:
    """The chip of a `jax.Device.device_kind`; None if the table does not have it."""
    fits = [chip for chip in (*_TPUS, *_GPUS) if kind.startswith(chip.kind)]
    return max(fits, key=lambda chip: len(chip.kind), default=None)
