"""What a step of BigGAN-128 costs on six slices of accelerators, by their compilers.

    python -m experiments.plan.run

Nothing is run and no accelerator is needed, but `pip install -e '.[tpu]'` and
`pip install --no-deps` of what the extra `cuda-plan` names. Writes the table of this page
and of the repository's first one.
"""

from __future__ import annotations

from pathlib import Path

from configs import biggan
from experiments.report import replace_between, table, write_page
from gan_jax.plan import make_plan
from gan_jax.plan.render import gib
from gan_jax.plan.report import Json

ROOT = Path(__file__).parents[2]
TOPOLOGIES = ("v3:8x8", "v4:4x4x4", "v5p:4x4x4", "v5e:8x8", "v6e:8x8", "h100:2x8")
BEGIN, END = "<!-- table: written by experiments/plan -->", "<!-- end of table -->"
HEAD = (
    "topology", "devices", "GiB, of", "TFLOP", "ms a step", "FLOP use", "images/s", "hours",
    "chip-hours",
)  # fmt: skip


def row(item: Json) -> tuple[object, ...]:
    """One topology, as it is configured."""
    result = item["as_configured"]
    memory, time = result["memory"], result["time"]
    return (
        item["name"],
        item["devices"],
        f"{gib(memory['peak'])}, {gib(memory['capacity'])}",
        f"{sum(result['flops'].values()) / 1e12:.2f}",
        f"{time['step'] * 1e3:.1f}",
        f"{time['utilisation']:.2f}",
        f"{time['images_per_second']:,.0f}",
        f"{time['hours']:.2f}",
        f"{time['chip_hours']:,.0f}",
    )


def details(items: list[Json]) -> str:
    """What the table leaves out."""
    rows = []
    for item in items:
        result = item["as_configured"]
        time = result["time"]
        optimal = time["utilisation_optimal"]
        sent = {
            g["phase"]: g["reduced_per_update"] / g["parameters"]
            for g in result["gradients"]
        }
        types = sorted({t for g in result["gradients"] for t in g["dtypes"]})
        rows.append(
            (
                item["name"],
                f"{sum(result['flops'].values()) / result['flops_needed']:.3f}",
                time["basis"].removeprefix("estimate: "),
                f"{time['bound'] * 1e3:.1f}",
                f"{time['messages'] * 1e3:.1f}",
                "-" if optimal is None else f"{optimal:.3f}",
                ", ".join(f"{phase} {times:.2f}" for phase, times in sent.items()),
                ", ".join(types),
                f"{result['tracing_seconds'] + result['compiling_seconds']:.0f}",
            )
        )
    head = (
        "topology", "FLOP, of those needed", "time from", "roofline, ms", "messages, ms",
        "FLOP use without messages", "gradients sent per update", "as", "compiled in, s",
    )  # fmt: skip
    return table(head, rows)


def page(plan: Json) -> str:
    """The page, from a plan of all topologies."""
    items = plan["topologies"]
    return f"""# BigGAN-128 on six slices

A step of `configs/biggan.py` (1809.11096: width 96, batch {plan["batch_size"]:,}, two steps
of the discriminator and one of the generator, bfloat16 networks with float32 parameters,
{plan["steps"]:,} steps), compiled for devices that were not there. Nothing was run: all
times are estimates.

{table(HEAD, [row(item) for item in items])}

GiB are the peak of a device and what a program may use of it; TFLOP are those of a step on
a device, after compilation; messages count as if nothing hid them.

{details(items)}

How to read it:

- "FLOP, of those needed" compares the compiled program with the count of the traced one,
  which a test holds against a formula of BigGAN's layers. The orthogonal penalty is
  computed on every device and is part of both.
- TPU compilers give "optimal_seconds": the operations at the peak rate and, one after the
  other, the bytes at the memory's bandwidth. Those of GPUs give no time: the roofline bound
  takes its place, every instruction at the peak or at the bandwidth, whichever is slower,
  which is more favourable. FLOP use is the share of the peak rate.
- "Gradients sent per update" counts elements in arrays larger than any batch statistics, as
  a share of the player's parameters: a gradient that is summed once over the devices is 1.
- `--thorough` compiles as a run does, ten times longer, and tells cycles too.
"""


def main() -> None:
    plan = make_plan(biggan.get_config(), TOPOLOGIES, advice=False)
    readme = ROOT / "README.md"
    shown = table(HEAD, [row(item) for item in plan["topologies"]])
    readme.write_text(replace_between(readme.read_text(), BEGIN, END, shown))
    write_page(__file__, page(plan), seed=0)


if __name__ == "__main__":
    main()
