"""A plan as a JSON value, which `gan_jax.plan.render` and `page` show."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ml_collections import ConfigDict

from gan_jax.plan.advise import Trial, fits
from gan_jax.plan.compiled import Measured, TooLarge
from gan_jax.plan.topology import Topology

Json = dict[str, Any]


def summary(config: ConfigDict, entries: Sequence[Json]) -> Json:
    """The plan of a config: what it is, and an entry for each topology."""
    return {
        "method": config.method,
        "batch_size": config.train.batch_size,
        "microbatches": config.train.microbatches,
        "steps": config.train.steps,
        "topologies": list(entries),
    }


def entry(
    topology: Topology,
    result: Measured | TooLarge,
    trials: Sequence[Trial],
    earlier: Sequence[Measured | TooLarge] = (),
) -> Json:
    """One topology: the config as it is, what was tried, and what fits; and the stages
    before, if they were planned.
    """
    fitting = [trial for trial in trials if trial.fits]
    chip = topology.chip
    return {
        "name": topology.name,
        "devices": len(topology.devices),
        "chips": topology.chips,
        "hosts": topology.hosts,
        "device": None
        if chip is None
        else {
            "kind": chip.kind,
            "memory": chip.memory,
            "bandwidth": chip.bandwidth,
            "links": chip.links,
            "flops": dict(chip.flops),
        },
        "fits": fits(result),
        "as_configured": measured(result),
        "earlier_stages": [measured(stage) for stage in earlier],
        "tried": [
            {
                "changes": dict(trial.changes),
                "fits": trial.fits,
                "peak": _peak(trial.result),
                "step_seconds": _step(trial.result),
            }
            for trial in trials
        ],
        "fitting": None
        if not fitting
        else {
            "changes": dict(fitting[0].changes),
            "result": measured(fitting[0].result),
        },
    }


def _peak(result: Measured | TooLarge) -> int | None:
    return result.memory.peak if isinstance(result, Measured) else result.asked


def _step(result: Measured | TooLarge) -> float | None:
    if isinstance(result, TooLarge) or result.time is None:
        return None
    return result.time.step


def measured(result: Measured | TooLarge) -> Json:
    """What is known of a compiled step."""
    parts = [part._asdict() for part in result.parts]
    trace, compilation = result.seconds
    shared = {
        "arguments_by_part": parts,
        "tracing_seconds": trace,
        "compiling_seconds": compilation,
    }
    if isinstance(result, TooLarge):
        return {"compiled": False, "asked": result.asked, "reason": result.reason} | shared
    memory = result.memory
    return {
        "compiled": True,
        "devices": result.devices,
        "span": list(result.span),
        "memory": memory._asdict() | {"peak": memory.peak, "fits": memory.fits},
        "held_by_phase": [held._asdict() for held in result.held],
        "flops": dict(result.flops),
        "flops_needed": result.needed,
        "bytes": result.bytes,
        "collectives": [collective._asdict() for collective in result.collectives],
        "gradients": _gradients(result),
        "work": [row._asdict() for row in result.rows],
        "slowest": [slow._asdict() for slow in result.slowest],
        "time": _time(result),
        "warnings": warnings(result),
    } | shared


def _time(result: Measured) -> Json | None:
    if result.time is None:
        return None
    time, train = result.time, result.config.train
    begin, end = result.span
    hours = (end - begin) * time.step / 3600.0
    chips = result.topology.chips * result.devices / len(result.topology.devices)
    return time._asdict() | {
        "step": time.step,
        "basis": time.basis,
        "utilisation": result.utilisation,
        "utilisation_optimal": result.utilisation_optimal,
        "images_per_second": train.batch_size / time.step,
        "hours": hours,
        "chip_hours": hours * chips,
    }


def _gradients(result: Measured) -> list[Json]:
    """How much of what moves is summed over the devices at an update, and in what type."""
    found = []
    for phase, (updates, parameters) in result.phases.items():
        own = [c for c in result.collectives if c.phase == phase and c.large > 0.0]
        found.append(
            {
                "phase": phase,
                "updates": updates,
                "parameters": parameters,
                "reduced_per_update": sum(c.large for c in own) / updates,
                "dtypes": sorted({c.dtypes for c in own}),
            }
        )
    return found


def warnings(result: Measured) -> list[str]:
    """What people should know of a step that compiles."""
    said = []
    (begin, end), steps = result.span, result.config.train.steps
    if end - begin < steps:
        said.append(
            f"this is the stage of steps {begin:,} to {end:,}; hours are of these alone"
        )
    compiled = sum(result.flops.values())
    if result.needed and compiled > 1.05 * result.needed:
        said.append(
            f"devices compute {compiled / result.needed:.2f} times what the method asks "
            "for: something is computed on every device, or more than once"
        )
    for phase in _gradients(result):
        times = phase["reduced_per_update"] / phase["parameters"]
        if times > 2.0:
            said.append(
                f"{phase['phase']}: {times:.1f} times the gradients are summed over the "
                "devices at each update: in parts, or at each micro-batch"
            )
    for c in result.collectives:
        if c.large and ("bf16" in c.dtypes or "f16" in c.dtypes.split(", ")):
            said.append(f"{c.phase}: {c.kind} of {c.dtypes}; gradients lose digits")
        if c.large and c.kind != "all-reduce":
            said.append(
                f"{c.phase}: {c.kind} of {c.large:,.0f} elements besides the gradients"
            )
    return said
