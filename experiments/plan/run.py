"""What a training step costs on slices of accelerators, by their compilers: BigGAN-128,
StyleGAN2-1024 and ProGAN-1024.

    python -m experiments.plan.run                      all sections of this page
    python -m experiments.plan.run --only stylegan2     one; the others keep their rows
    python -m experiments.plan.run --only progan --stages    with all its stages, an hour

Nothing is run and no accelerator is needed, but `pip install -e '.[tpu]'` and, for BigGAN,
`pip install --no-deps` of what the extra `cuda-plan` names. Writes this page from
`results.json`, and BigGAN's table on the repository's first page.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

from ml_collections import ConfigDict

from configs import biggan, progan, stylegan2
from experiments.report import machine, replace_between, table
from gan_jax.plan import make_plan
from gan_jax.plan.render import gib
from gan_jax.plan.report import Json

HERE = Path(__file__).parent
RESULTS, README, FIRST = (
    HERE / "results.json",
    HERE / "README.md",
    HERE.parents[1] / "README.md",
)
BEGIN, END = "<!-- table: written by experiments/plan -->", "<!-- end of table -->"
SLICES = ("v4:2x2x1", "v4:2x2x4", "v5p:2x2x1", "v5p:2x2x4")
BOARDS = ("v4:2x2x1", "v4:2x2x4", "v5p:2x2x1")
PODS = ("v3:8x8", "v4:4x4x4", "v5p:4x4x4", "v5e:8x8", "v6e:8x8", "h100:2x8")
HEAD = (
    "topology", "devices", "GiB, of", "TFLOP", "ms a step", "FLOP use", "images/s", "hours",
    "chip-hours",
)  # fmt: skip
DETAILS = (
    "topology", "FLOP, of those needed", "time from", "roofline, ms", "messages, ms",
    "FLOP use without messages", "gradients sent per update", "as", "compiled in, s",
)  # fmt: skip
STAGES = ("topology", "stage", "steps", "GiB", "TFLOP", "ms a step", "hours")


class Section(NamedTuple):
    """A config that is planned.

    Attributes:
        title: heading of its section.
        config: makes it.
        topologies: names of slices.
        about: what a step is, with the plan's `batch_size` and `steps`.
    """

    title: str
    config: Callable[[], ConfigDict]
    topologies: tuple[str, ...]
    about: str


SECTIONS = {
    "biggan": Section(
        "BigGAN-128",
        biggan.get_config,
        PODS,
        """A step of `configs/biggan.py` (1809.11096: width 96, batch {batch_size:,}, two
steps of the discriminator and one of the generator, bfloat16 networks with float32
parameters, {steps:,} steps).""",
    ),
    "stylegan2": Section(
        "StyleGAN2-1024",
        stylegan2.get_config,
        SLICES,
        """A step of `configs/stylegan2.py` (1912.04958, configuration F at 1024 pixels:
batch {batch_size:,}, the four finest resolutions in bfloat16, {steps:,} steps), under
`jit`, which sums the gradients of bfloat16 layers as such; `parallel.mode=shard_map` sums
float32. R1 runs on every sixteenth step and the path length on every fourth: both count by
their share, so that a step is the mean over sixteen.""",
    ),
    "progan": Section(
        "ProGAN-1024",
        lambda: progan.get_config("celebahq1024"),
        BOARDS,
        """A step of `configs/progan.py:celebahq1024` (1710.10196: batch {batch_size:,},
WGAN-GP, float32 as published, {steps:,} steps). A run is a program of nine stages over one
state, each compiled apart. These are of the last stage, at 1024 pixels as it fades in, its
hours those of that stage alone.""",
    ),
}  # fmt: skip


def row(item: Json) -> list[str]:
    """One topology, as it is configured."""
    result = item["as_configured"]
    capacity = gib(item["device"]["memory"])
    if not result["compiled"]:
        asked = "more" if result["asked"] is None else gib(result["asked"])
        return [item["name"], str(item["devices"]), f"{asked}, {capacity}", *("-",) * 6]
    memory, time = result["memory"], result["time"]
    return [
        item["name"],
        str(item["devices"]),
        f"{gib(memory['peak'])}, {capacity}",
        _tera(result),
        f"{time['step'] * 1e3:.1f}",
        f"{time['utilisation']:.2f}",
        f"{time['images_per_second']:,.0f}",
        f"{time['hours']:.2f}",
        f"{time['chip_hours']:,.0f}",
    ]


def details(item: Json) -> list[str]:
    """What the table leaves out of one topology."""
    result = item["as_configured"]
    spent = f"{result['tracing_seconds'] + result['compiling_seconds']:.0f}"
    if not result["compiled"]:
        return [item["name"], *("-",) * 7, spent]
    time, gradients = result["time"], result["gradients"]
    optimal = time["utilisation_optimal"]
    sent = {g["phase"]: g["reduced_per_update"] / g["parameters"] for g in gradients}
    return [
        item["name"],
        f"{sum(result['flops'].values()) / result['flops_needed']:.3f}",
        time["basis"].removeprefix("estimate: "),
        f"{time['bound'] * 1e3:.1f}",
        f"{time['messages'] * 1e3:.1f}",
        "-" if optimal is None else f"{optimal:.3f}",
        ", ".join(f"{phase} {times:.2f}" for phase, times in sent.items()),
        ", ".join(sorted({dtype for g in gradients for dtype in g["dtypes"]})),
        spent,
    ]


def stages(item: Json) -> list[list[str]]:
    """All stages of one topology, and their sum."""
    rows, hours = [], 0.0
    for number, result in enumerate([*item["earlier_stages"], item["as_configured"]]):
        side = f"{4 << number} px"
        if not result["compiled"]:
            return [*rows, [item["name"], side, *("-",) * 5]]
        (begin, end), time = result["span"], result["time"]
        peak, hours = gib(result["memory"]["peak"]), hours + time["hours"]
        cells = [f"{end - begin:,}", peak, _tera(result), f"{time['step'] * 1e3:.1f}"]
        rows.append([item["name"], side, *cells, f"{time['hours']:.2f}"])
    return [*rows, [item["name"], "all", f"{end:,}", *("-",) * 3, f"{hours:.2f}"]]


def _tera(result: Json) -> str:
    return f"{sum(result['flops'].values()) / 1e12:.2f}"


def planned(section: Section, *, every_stage: bool = False) -> Json:
    """The rows of a section, and how they were made."""
    begin = time.monotonic()
    plan = make_plan(
        section.config(), section.topologies, advice=False, every_stage=every_stage
    )
    items = plan["topologies"]
    packages = ", ".join(f"{name} {version(name)}" for name in ("jax", "libtpu"))
    minutes = (time.monotonic() - begin) / 60.0
    return {
        "batch_size": plan["batch_size"],
        "steps": plan["steps"],
        "rows": [row(item) for item in items],
        "details": [details(item) for item in items],
        "stages": [line for item in items for line in stages(item)] if every_stage else [],
        "made": f"{minutes:.1f} minutes on {machine()} ({packages})",
    }


def part(name: str, found: Json) -> str:
    """The text of a section."""
    section = SECTIONS[name]
    text = [
        f"## {section.title}",
        section.about.format(**found),
        table(HEAD, found["rows"]),
        table(DETAILS, found["details"]),
    ]
    if found["stages"]:
        text.append(table(STAGES, found["stages"]))
    text.append(
        f"Made by `python -m experiments.plan.run --only {name}` in {found['made']}."
    )
    return "\n\n".join(text)


def page(results: Mapping[str, Any]) -> str:
    """The page, from all rows there are."""
    parts = [part(name, results[name]) for name in SECTIONS if name in results]
    return "\n\n".join([_TOP, *parts, _BOTTOM]) + "\n"


_TOP = """# Training steps planned for slices of accelerators

Steps compiled for devices that were not there. Nothing was run: all times are estimates."""

_BOTTOM = """## How to read it

- GiB are the peak of a device and what a program may use of it; a row without times does
  not fit, and says what the compiler asked for. TFLOP are those of a step on a device,
  after compilation; messages count as if nothing hid them. FLOP use is the share of the
  peak rate.
- "FLOP, of those needed" compares the compiled program with the count of the traced one,
  which a test holds against a formula of a network's layers. BigGAN's orthogonal penalty is
  computed on every device and is part of both.
- TPU compilers give "optimal_seconds": the operations at the peak rate and, one after the
  other, the bytes at the memory's bandwidth. Where they give none, and for GPUs, the
  roofline bound takes its place, every instruction at the peak or at the bandwidth,
  whichever is slower, which is more favourable: compare rows whose time is of one source.
- "Gradients sent per update" counts elements in arrays larger than any batch statistics, as
  a share of the player's parameters: a gradient that is summed once over the devices is 1.
- `--thorough` compiles as a run does, ten times longer, and tells cycles too."""


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", choices=SECTIONS, help="plan one section")
    parser.add_argument("--stages", action="store_true", help="plan all stages of a run")
    options = parser.parse_args()
    only = options.only
    results = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    for name in [only] if only else SECTIONS:
        results[name] = planned(SECTIONS[name], every_stage=options.stages)
        RESULTS.write_text(json.dumps(results, indent=1) + "\n")
    README.write_text(page(results))
    if only in (None, "biggan"):
        shown = table(HEAD, results["biggan"]["rows"])
        FIRST.write_text(replace_between(FIRST.read_text(), BEGIN, END, shown))


if __name__ == "__main__":
    main()
