"""Plans as JSON, text and pages; the command; a plan of TPUs where they can be compiled."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from gan_jax import cli
from gan_jax.errors import UserError
from gan_jax.plan import make_plan, page, text, write_page
from gan_jax.plan.advise import Trial
from gan_jax.plan.chips import Chip
from gan_jax.plan.compiled import (
    Collective,
    Measured,
    Row,
    Slow,
    Time,
    TooLarge,
)
from gan_jax.plan.measure import Memory
from gan_jax.plan.program import Part
from gan_jax.plan.report import entry, summary
from gan_jax.plan.timeline import Held
from gan_jax.plan.topology import Topology

ROOT = Path(__file__).parents[2]
RING = ROOT / "configs" / "ring.py"
MIB = 2**20

CHIP = Chip(
    "tiny", "Tiny <chip>", 1, {"float32": 1e12, "bfloat16": 2e12}, 100 * MIB, 1e9, 1e9,
    clock=1e9,
)  # fmt: skip
TOPOLOGY = Topology("tiny:2x2", (None,) * 4, CHIP, 4, 2)
PARTS = (Part("generator/params", 10 * MIB, 1), Part("batch", MIB, 1))


def config():
    from gan_jax.config import default_config

    made = default_config()
    made.method, made.train.batch_size, made.train.steps = "sngan", 64, 36_000
    return made


def step(temporaries, **changes):
    memory = Memory(11 * MIB, 10 * MIB, 9 * MIB, temporaries, 0, CHIP.memory)
    return Measured(
        config=config(),
        topology=TOPOLOGY,
        span=(0, 36_000),
        devices=4,
        memory=memory,
        parts=PARTS,
        held=(Held("gen", temporaries, "Net backward"),),
        flops={"float32": 4e10, "bfloat16": 1.2e11},
        needed=1e11,
        bytes=5e7,
        rows=(
            Row("disc", "Net forward", 6e10, 3e7, 0.15, 0.0),
            Row("gen", "Net backward", 1e11, 2e7, 0.04, 0.01),
        ),
        slowest=(
            Slow(
                "disc", "jit(f)/disc/while/body/jvp(Net)/conv._do/<c>", 5.0, 0.1, 0.5, 0.25
            ),
        ),
        collectives=(
            Collective("disc", "all-reduce", "bf16", 4, 5.0, 5e6, 1e7, 10**6, 4e6),
            Collective("gen", "all-to-all", "f32", 4, 1.0, 2e6, 8e6, 2 * 10**6, 2e6),
        ),
        time=Time(0.19, 0.16, 0.1, 0.01),
        utilisation=0.5,
        utilisation_optimal=0.625,
        phases={"disc": (5.0, 800_000), "gen": (0.5, 10**6)},
        seconds=(1.5, 40.0),
    )._replace(**changes)


@pytest.fixture(scope="module")
def plan():
    fitting = entry(TOPOLOGY, step(80 * MIB), ())
    refused = TooLarge(config(), TOPOLOGY, PARTS, 300 * MIB, "no <room>", (1.0, 2.0))
    trials = (Trial({"train.microbatches": 4}, step(60 * MIB)),)
    mended = entry(TOPOLOGY, refused, trials)
    unknown = entry(
        TOPOLOGY._replace(name="unknown", chip=None),
        step(
            95 * MIB, memory=Memory(11 * MIB, 10 * MIB, 9 * MIB, 95 * MIB, 0, None),
            slowest=(), time=None, utilisation=None, utilisation_optimal=None,
        ),
        (),
    )  # fmt: skip
    return summary(config(), [fitting, mended, unknown])


def test_a_plan_survives_json(plan):
    assert json.loads(json.dumps(plan, allow_nan=False)) == plan


def test_hours_of_a_stage_are_its_own():
    last, first = step(80 * MIB, span=(9_000, 36_000)), step(40 * MIB, span=(0, 9_000))
    found = entry(TOPOLOGY, last, (), [first])
    assert found["as_configured"]["time"]["hours"] == 27_000 * 0.2 / 3600
    (earlier,) = found["earlier_stages"]
    assert (earlier["span"], earlier["time"]["hours"]) == ([0, 9_000], 9_000 * 0.2 / 3600)
    said = found["as_configured"]["warnings"][0]
    assert said == ("this is the stage of steps 9,000 to 36,000; hours are of these alone")


def test_numbers_of_a_step(plan):
    found = plan["topologies"][0]["as_configured"]
    assert found["memory"]["peak"] == (11 + 1 + 80) * MIB
    assert found["memory"]["fits"] is True
    time = found["time"]
    assert time["step"] == 0.19 + 0.01
    assert time["basis"] == "estimate: the compiler's cycles and messages"
    assert time["images_per_second"] == 64 / 0.2
    assert time["hours"] == 36_000 * 0.2 / 3600
    assert time["chip_hours"] == 4 * 2.0
    assert found["gradients"] == [
        {
            "phase": "disc", "updates": 5.0, "parameters": 800_000,
            "reduced_per_update": 8e5, "dtypes": ["bf16"],
        },
        {
            "phase": "gen", "updates": 0.5, "parameters": 10**6,
            "reduced_per_update": 4e6, "dtypes": ["f32"],
        },
    ]  # fmt: skip
    assert found["warnings"] == [
        "devices compute 1.60 times what the method asks for: something is computed on "
        "every device, or more than once",
        "gen: 4.0 times the gradients are summed over the devices at each update: in "
        "parts, or at each micro-batch",
        "disc: all-reduce of bf16; gradients lose digits",
        "gen: all-to-all of 2,000,000 elements besides the gradients",
    ]


def test_without_cycles_the_bound_is_the_estimate():
    time = Time(None, None, 0.1, 0.02)
    assert time.step == pytest.approx(0.12, rel=1e-12)
    assert time.basis == "estimate: roofline bound and messages"


def test_the_table_shows_what_fits(plan):
    said = text(plan).splitlines()
    assert said[0] == (
        "sngan, batch 64, 36,000 steps. Nothing was run: all times are estimates."
    )
    plain, mended, unknown = (line.split() for line in said[3:6])
    assert plain == [
        "tiny:2x2", "4", "-", "0.01", "0.08", "0.09", "0.10", "0.16", "200", "0.50", "320",
        "2", "8",
    ]  # fmt: skip
    assert mended[2:6] == ["train.microbatches=4", "0.01", "0.06", "0.07"]
    assert unknown[5:] == ["0.10", "?", "0.16", "-", "-", "-", "-", "-"]
    assert "    jvp(Net)/<c>   disc      5  100      0.50        0.25" in said
    assert "    train.microbatches=4: 0.07 GiB, fits" in said
    assert "  does not fit as configured; tried" in said
    assert (
        "  gradients of disc: 800,000 elements of 800,000 parameters at each of 5 updates, "
        "in bf16"
    ) in said


def test_what_nothing_helps_says_why():
    refused = TooLarge(config(), TOPOLOGY, PARTS, None, "no <room>", (1.0, 2.0))
    said = text(summary(config(), [entry(TOPOLOGY, refused, ())]))
    assert "too much" in said
    assert "  does not fit as configured\n  the compiler gave up: no <room>" in said


class Checker(HTMLParser):
    """Collects what a page loads, and checks that what is opened is closed."""

    def __init__(self):
        super().__init__()
        self.open, self.loaded, self.shown = [], [], []

    def handle_starttag(self, tag, attrs):
        if tag not in ("meta",):
            self.open.append(tag)
        self.loaded += [value for name, value in attrs if name in ("src", "href")]

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.shown.append(data)


def test_the_page_needs_nothing_and_shows_memory_and_time(plan):
    html, checker = page(plan), Checker()
    checker.feed(html)
    assert (checker.open, checker.loaded) == ([], [])
    assert "url(" not in html
    assert "<c>" not in html
    assert "<room>" not in html
    shown = checker.shown
    assert "Memory of a device: 0.09 of 0.10 GiB" in shown
    assert "Time of a step: 200 ms (estimate: the compiler's cycles and messages)" in shown
    # 80 of 100 MiB are temporaries; 150 of 200 ms are the discriminator's.
    assert 'style="width:80.000%' in html
    assert 'style="width:75.000%' in html
    assert "disc: Net forward: 150 ms" in shown
    assert "Below: with train.microbatches=4." in shown


# The command.


@pytest.fixture
def complain(capsys):
    def run(*words):
        assert cli.main(["gan-jax", "plan", *words]) == 2
        out, error = capsys.readouterr()
        assert out == ""
        assert error.count("\n") == 1
        return error.removeprefix("gan-jax: ").removesuffix("\n")

    return run


def test_mistakes_are_one_line(complain, tmp_path):
    config = f"--config={RING}:smoke"
    assert complain("--topology=local") == "--config is missing"
    assert complain(config) == "--topology is missing"
    assert complain(config, "--topology=v8:2x2").startswith(
        "no topology is named 'v8:2x2'; there are local and, of any size, v3:8x8,"
    )
    assert complain(config, "--topology=local", "--config.train.batch_size=12") == (
        "a global batch of 12 cannot be split over 8 devices; use 8 or 16, or another "
        "number of devices"
    )
    assert complain(config, "--topology=local", "--config.train.steps=-1") == (
        "train.steps must be at least 1, got -1"
    )
    if importlib.util.find_spec("libtpu") is None:
        assert complain(config, "--topology=v5p:4x4x4") == (
            "compiling for TPUs needs libtpu; pip install 'gan-jax[tpu]'"
        )


def test_the_command_prints_json_and_writes_the_page(capsys, tmp_path):
    html = tmp_path / "plan.html"
    words = ["--topology=local", "--json", f"--html={html}", f"--config={RING}:smoke"]
    assert cli.main(["gan-jax", "plan", *words]) == 0
    out, error = capsys.readouterr()
    plan = json.loads(out)
    assert error.splitlines()[-1] == str(html)
    assert html.read_text() == page(plan)
    (item,) = plan["topologies"]
    assert (item["name"], item["devices"], item["fits"]) == ("local", 8, True)
    assert {g["phase"] for g in item["as_configured"]["gradients"]} == {"disc", "gen"}
    assert (plan["batch_size"], plan["steps"]) == (16, 100)


def test_a_page_that_cannot_be_written_is_one_line(plan, tmp_path):
    path = tmp_path / "none" / "plan.html"
    with pytest.raises(UserError, match=rf"^cannot write {path}: No such file or dir"):
        write_page(str(path), plan)


# Without hardware; long.


def in_a_process_of_its_own(*words):
    """The command without the devices of this process, and its JSON."""
    environment = {k: v for k, v in os.environ.items() if k != "XLA_FLAGS"}
    done = subprocess.run(
        [sys.executable, "-m", "gan_jax", "plan", "--json", *words],
        cwd=ROOT, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.slow
@pytest.mark.skipif(importlib.util.find_spec("libtpu") is None, reason="needs libtpu")
def test_a_step_compiles_for_tpus_that_are_not_there():
    config = f"--config={ROOT}/configs/sngan.py:smoke"
    plan = in_a_process_of_its_own(config, "--topology=v5e:2x2", "--topology=v4:2x2x1")
    for item, memory in zip(plan["topologies"], (15.75, 30.75), strict=True):
        found = item["as_configured"]
        assert item["devices"] == 4
        assert found["memory"]["capacity"] == int(memory * 2**30)
        assert found["time"]["schedule"] is None  # the tilings are not searched for
        for gradients in found["gradients"]:
            assert gradients["dtypes"] == ["f32"]
        assert {c["kind"] for c in found["collectives"]} == {"all-reduce"}
    v5e, v4 = (item["as_configured"]["time"] for item in plan["topologies"])
    assert v5e["basis"] == "estimate: the compiler's optimal_seconds and messages"
    assert v4["basis"] == "estimate: roofline bound and messages"
    thorough = in_a_process_of_its_own(config, "--topology=v5e:2x2", "--thorough")
    time = thorough["topologies"][0]["as_configured"]["time"]
    assert time["basis"] == "estimate: the compiler's cycles and messages"
    np.testing.assert_allclose(time["optimal"], v5e["optimal"], rtol=0.05)


@pytest.mark.slow
@pytest.mark.skipif(
    importlib.util.find_spec("jax_plugins") is None
    or importlib.util.find_spec("jax_plugins.xla_cuda12") is None,
    reason="needs jax-cuda12-plugin",
)
def test_a_step_compiles_for_gpus_that_are_not_there():
    config = f"--config={ROOT}/configs/sngan.py:smoke"
    plan = in_a_process_of_its_own(config, "--topology=h100:2x4")
    (item,) = plan["topologies"]
    found = item["as_configured"]
    assert (item["devices"], item["hosts"]) == (8, 2)
    assert found["time"]["schedule"] is None
    assert found["time"]["basis"] == "estimate: roofline bound and messages"
    assert {c["dtypes"] for c in found["collectives"]} == {"f32"}


def test_a_plan_needs_a_topology():
    with pytest.raises(ValueError, match=r"^--topology is missing$"):
        make_plan(config(), [])
