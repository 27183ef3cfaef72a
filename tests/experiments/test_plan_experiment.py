"""The page of planned steps is what its results say; rows that fit and do not."""

from __future__ import annotations

import json
from pathlib import Path

from experiments.plan.run import DETAILS, HEAD, STAGES, details, page, row, stages

FOLDER = Path(__file__).parents[2] / "experiments" / "plan"
GIB = 2**30


def result(span, **changes):
    begin, end = span
    return {
        "compiled": True,
        "span": [begin, end],
        "memory": {"peak": 3 * GIB},
        "flops": {"float32": 1e12, "bfloat16": 2e12},
        "flops_needed": 2.5e12,
        "time": {
            "step": 0.36, "utilisation": 0.5, "utilisation_optimal": None, "bound": 0.35,
            "messages": 0.01, "basis": "estimate: roofline bound and messages",
            "images_per_second": 44.4, "hours": (end - begin) * 0.36 / 3600,
            "chip_hours": 80.0,
        },
        "gradients": [
            {
                "phase": "disc", "parameters": 10, "reduced_per_update": 10.0,
                "dtypes": ["f32"],
            }
        ],
        "tracing_seconds": 1.0,
        "compiling_seconds": 2.4,
    } | changes  # fmt: skip


def item(last, *earlier):
    return {
        "name": "v4:2x2x1", "devices": 4, "device": {"memory": 4 * GIB},
        "as_configured": last, "earlier_stages": list(earlier),
    }  # fmt: skip


def test_the_page_is_what_the_results_say():
    results = json.loads((FOLDER / "results.json").read_text())
    assert (FOLDER / "README.md").read_text() == page(results)
    for found in results.values():
        assert {len(line) for line in found["rows"]} == {len(HEAD)}
        assert {len(line) for line in found["details"]} == {len(DETAILS)}
        assert {len(line) for line in found["stages"]} <= {len(STAGES)}


def test_a_step_that_fits_and_one_that_does_not():
    refused = {
        "compiled": False, "asked": 5 * GIB, "tracing_seconds": 1.0,
        "compiling_seconds": 1.0,
    }  # fmt: skip
    fits, large = item(result((0, 10_000))), item(refused)
    assert row(fits) == [
        "v4:2x2x1", "4", "3.00, 4.00", "3.00", "360.0", "0.50", "44", "1.00", "80",
    ]  # fmt: skip
    assert details(fits) == [
        "v4:2x2x1", "1.200", "roofline bound and messages", "350.0", "10.0", "-",
        "disc 1.00", "f32", "3",
    ]  # fmt: skip
    assert row(large) == ["v4:2x2x1", "4", "5.00, 4.00", *"-" * 6]
    assert details(large) == ["v4:2x2x1", *"-" * 7, "2"]


def test_hours_of_stages_add_up():
    found = stages(item(result((10_000, 40_000)), result((0, 10_000))))
    assert [line[1:3] + line[-1:] for line in found] == [
        ["4 px", "10,000", "1.00"], ["8 px", "30,000", "3.00"], ["all", "40,000", "4.00"],
    ]  # fmt: skip
