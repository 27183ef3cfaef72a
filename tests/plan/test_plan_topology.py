"""Names of topologies, the table of chips, and what is said where a compiler is missing."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import jax
import pytest

from gan_jax.errors import UserError
from gan_jax.plan import topology
from gan_jax.plan.chips import GIB, GPUS, TPUS, of_kind
from gan_jax.plan.topology import EXAMPLES, open_topology, parse, prepare


@pytest.mark.parametrize(
    ("text", "chip", "shape"),
    [
        ("v3:8x8", "v3", (8, 8)),
        ("v4:4x4x4", "v4", (4, 4, 4)),
        ("v5p:4x8x16", "v5p", (4, 8, 16)),
        ("v5e:2x2", "v5e", (2, 2)),
        ("v6e:16x16", "v6e", (16, 16)),
        ("h100:2x8", "h100", (2, 8)),
        ("a100:1x8", "a100", (1, 8)),
    ],
)
def test_a_name_tells_chip_and_shape(text, chip, shape):
    name = parse(text)
    assert (name.text, name.chip.name, name.shape) == (text, chip, shape)
    assert name.chip is {**TPUS, **GPUS}[chip]


def test_every_chip_has_an_example():
    assert {parse(text).chip.name for text in EXAMPLES} == {*TPUS, *GPUS}


@pytest.mark.parametrize(
    "text", ["v9:4x4", "v5p", "v5p:", "V5P:4x4x4", "v5p:4x4x4x", "64", "v5p-128", "h100x8"]
)
def test_an_unknown_topology_names_the_known_ones(text):
    with pytest.raises(UserError) as caught:
        parse(text)
    assert str(caught.value) == (
        f"no topology is named {text!r}; there are local and, of any size, "
        "v3:8x8, v4:4x4x4, v5p:4x4x4, v5e:8x8, v6e:8x8, h100:2x8, a100:1x8"
    )


@pytest.mark.parametrize(
    ("text", "example"),
    [("v5p:8x8", "v5p:4x4x4"), ("v5e:4x4x4", "v5e:8x8"), ("h100:0x8", "h100:2x8")],
)
def test_sizes_must_be_as_many_as_the_chip_has_axes(text, example):
    with pytest.raises(UserError) as caught:
        parse(text)
    assert str(caught.value) == (
        f"topology {text!r} must have positive sizes as {example!r} has"
    )


@pytest.mark.parametrize(
    ("text", "module", "said"),
    [
        ("v5p:4x4x4", "libtpu", "TPUs needs libtpu; pip install 'gan-jax[tpu]'"),
        (
            "h100:2x8",
            "jax_plugins",
            "GPUs needs jax-cuda12-plugin; pip install 'gan-jax[cuda-plan]'",
        ),
    ],
)
def test_a_missing_compiler_is_named_before_anything_changes(
    text, module, said, monkeypatch
):
    find = importlib.util.find_spec
    monkeypatch.setattr(
        topology.importlib.util,
        "find_spec",
        lambda name: None if name.startswith(module) else find(name),
    )
    before = jax.config.jax_platforms
    with pytest.raises(UserError) as caught:
        prepare([parse(text)])
    assert str(caught.value) == f"compiling for {said}"
    assert jax.config.jax_platforms == before


def test_the_local_topology_is_what_is_there():
    prepare([parse("local")])
    here = open_topology(parse("local"))
    assert here.devices == tuple(jax.devices())
    assert (here.name, here.chip, here.chips, here.hosts) == ("local", None, 8, 1)


def test_local_devices_are_planned_apart(monkeypatch):
    monkeypatch.setattr(topology, "_need", lambda *_: None)
    before = jax.config.jax_platforms
    with pytest.raises(UserError, match=r"^plan 'local' apart from other topologies: "):
        prepare([parse("local"), parse("v5p:4x4x4")])
    assert jax.config.jax_platforms == before


def test_descriptions_of_gpus_name_them():
    for name, kind in (
        ("h100", "NVIDIA H100 80GB HBM3"),
        ("a100", "NVIDIA A100-SXM4-80GB"),
    ):
        told = (Path(topology.__file__).parent / "targets" / f"{name}.txtpb").read_text()
        assert f'device_description_str: "{kind}"' in told
        size = int(re.search(r"device_memory_size: (\d+)", told)[1])
        assert GPUS[name].memory == int(0.75 * size)
        assert of_kind(kind) is GPUS[name]


def test_chips_of_kinds_as_jax_tells_them():
    kinds = {
        "TPU v3": "v3", "TPU v4": "v4", "TPU v5": "v5p", "TPU v5 lite": "v5e",
        "TPU v6 lite": "v6e", "NVIDIA H100 80GB HBM3": "h100",
        "NVIDIA A100-SXM4-80GB": "a100",
    }  # fmt: skip
    assert {kind: of_kind(kind).name for kind in kinds} == kinds
    assert of_kind("cpu") is None


def test_figures_of_a_core_are_half_of_a_chip_of_v3_and_clocks_are_as_published():
    v3 = TPUS["v3"]
    assert (v3.flops["bfloat16"], v3.bandwidth, v3.links) == (61.5e12, 450e9, 164e9)
    assert v3.memory == int(15.48 * GIB)
    assert v3.devices_per_chip == 2
    clocks = {name: round(chip.clock / 1e9, 2) for name, chip in TPUS.items()}
    assert clocks == {"v3": 0.94, "v4": 1.05, "v5p": 1.75, "v5e": 1.5, "v6e": 1.75}
    assert GPUS["h100"].memory == 63707234304
    assert GPUS["h100"].network == GPUS["a100"].network * 2
