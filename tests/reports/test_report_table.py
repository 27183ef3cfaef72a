"""Groups, columns and cells: what is averaged, and what is never put together."""

from __future__ import annotations

import csv
import io
import json
import statistics

import pytest

from gan_jax.metrics.manifest import UnlikeError, require_comparable
from gan_jax.reports import make_report, text, to_json
from gan_jax.reports.columns import Columns, tell_apart
from gan_jax.reports.make import results
from gan_jax.reports.table import group_runs
from gan_jax.reports.tidy import HEADINGS, tidy
from tests.reports.report_runs import entry, measurement, study, write_run


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    return make_report(study(tmp_path_factory.mktemp("study")))


def test_seeds_are_one_group_and_logging_does_not_part_them(tmp_path):
    changes = [{"seed": 1}, {"seed": 0}, {"seed": 2, "log.every": 7}, {"train.steps": 9}]
    paths = [write_run(tmp_path / str(i), **each) for i, each in enumerate(changes)]
    groups = group_runs(make_report(paths).runs)
    assert [[run.seed for run in group.runs] for group in groups] == [[0, 1, 2], [0]]
    assert [group.label for group in groups] == [
        "biggan, train.steps 100000",
        "biggan, train.steps 9",
    ]


def test_the_mean_and_deviation_over_seeds(report):
    first, second = report.cells
    distance = first[0]
    assert distance.mean == pytest.approx(13.0)
    assert distance.std == pytest.approx(statistics.stdev([12.0, 13.0, 14.0]))
    assert (distance.n, distance.step) == (3, 26_000)
    assert (second[0].mean, second[0].std, second[0].n) == (pytest.approx(10.8), None, 1)
    assert second[1] is None
    heads, line, other = results(report)
    assert heads[2] == "frechet_distance/inception (truncation none)"
    assert line[1] == "3\nbiggan_0, seed 0\nbiggan_1, seed 1\nbiggan_2, seed 2"
    assert line[2:] == ["13 ± 1\nn 3, step 26,000", "7.85 ± 0.05\nn 3, step 26,000"]
    assert other[2:] == ["10.8\nn 1, step 26,000", "-"]


def test_seeds_are_compared_at_one_step(tmp_path):
    values = [{100: 9.0, 200: 5.0}, {100: 7.0, 200: 4.0}, {100: 8.0}]
    paths = [
        write_run(tmp_path / str(i), entries=[entry(s, v) for s, v in each.items()], seed=i)
        for i, each in enumerate(values)
    ]
    ((cell,),) = make_report(paths).cells
    assert (cell.mean, cell.std, cell.n, cell.step) == (8.0, 1.0, 3, 100)


def test_what_was_measured_twice_counts_once(tmp_path):
    made = write_run(tmp_path / "a", entries=[entry(100, 9.0), entry(100, 8.0)])
    ((cell,),) = make_report([made]).cells
    assert (cell.mean, cell.n) == (8.0, 1)


def test_a_single_run_has_its_interval(tmp_path):
    made = write_run(tmp_path / "a", entries=[entry(100, 9.0, low=8.5, high=9.75)])
    assert results(make_report([made]))[1][2] == "9 [8.5, 9.75]\nn 1, step 100"


@pytest.mark.parametrize(
    ("changes", "labels"),
    [
        ({"samples": 10_000}, ("samples 50000", "samples 10000")),
        ({"features_fingerprint": "ff" * 20}, (
            "features fingerprint 6726825d", "features fingerprint ffffffff")),
        ({"batch_norm": "standing 16 x 64", "code": "0.2.0"}, (
            "batch norm running", "batch norm standing 16 x 64")),
        ({"options": {"neighbours": 5}}, ("neighbours none", "neighbours 5")),
        ({"average": False}, ("average true", "average false")),
    ],
)  # fmt: skip
def test_unlike_numbers_never_share_a_column(tmp_path, changes, labels):
    with pytest.raises(UnlikeError):
        require_comparable(measurement(1.0), measurement(1.0, **changes))
    paths = [
        write_run(tmp_path / "a", entries=[entry(100, 9.0)]),
        write_run(tmp_path / "b", entries=[entry(100, 5.0, **changes)], seed=1),
    ]
    report = make_report(paths)
    title = "frechet_distance/inception"
    assert [column.label for column in report.summary] == [
        f"{title} ({each})" for each in labels
    ]
    assert [cell.mean for cell in report.cells[0]] == [9.0, 5.0]
    assert [cell.n for cell in report.cells[0]] == [1, 1]


def test_columns_of_other_titles_need_no_words():
    columns = Columns([entry(1, 1.0), entry(1, 2.0, features="mnist_classifier", seed=3)])
    assert [column.label for column in columns.all] == [
        "frechet_distance/inception",
        "frechet_distance/mnist_classifier",
    ]


def test_only_fields_that_part_more_are_named():
    items = [{"a": "1", "b": "x", "c": "p"}, {"a": "1", "b": "y", "c": "q"}]
    assert tell_apart(items) == ["b"]
    assert tell_apart([*items, {"a": "1", "b": "y"}]) == ["b", "c"]
    assert tell_apart(items[:1]) == []


def test_several_truncations_have_one_column_of_the_table(report):
    assert len(report.columns) == 10
    assert [column.manifest.truncation for column in report.summary] == [None, None]


def test_the_csv_has_every_measurement_with_its_manifest(report):
    lines = list(csv.DictReader(io.StringIO(tidy(report))))
    assert tuple(lines[0]) == HEADINGS
    assert len(lines) == 3 * 8 + 8 + 4
    kept = {name: lines[-1][name] for name in ("run", "configuration", "step", "value")}
    assert kept == {
        "run": "wide",
        "configuration": "biggan, recipe.d_steps 4",
        "step": "26000",
        "value": "10.8",
    }
    truncated = [line for line in lines if line["truncation"] == "0.5"]
    assert [line["measure"] for line in truncated] == [
        "frechet_distance",
        "inception_score",
    ]
    assert json.loads(truncated[1]["options"]) == {"splits": 10}
    assert truncated[1]["std"] == "0.1"
    assert lines[0]["std"] == ""


def test_json_holds_the_numbers(report):
    value = json.loads(json.dumps(to_json(report), allow_nan=False))
    first, second = value["results"]
    cells = first["cells"]["frechet_distance/inception (truncation none)"]
    assert cells == {
        "mean": 13.0, "std": 1.0, "low": None, "high": None, "n": 3, "step": 26_000,
    }  # fmt: skip
    assert second["runs"] == ["wide"]
    assert value["columns"][0]["manifest"]["samples"] == 50_000
    assert value["truncation"][0]["rows"][0] == {"threshold": 0.25, "values": [44.0, 9.8]}
    assert value["on_track"][0]["tracks"][0]["points"][0]["verdict"] == "within"


def test_the_terminal_has_the_table(report):
    said = text(report).splitlines()
    assert said[0] == "4 runs of 2 configurations."
    assert said[3].split("  ")[0] == "biggan, recipe.d_steps unset"
    assert "13 ± 1 (n 3, step 26,000)" in said[3]
    assert (
        "biggan_0: frechet_distance beside StudioGAN CIFAR-10 BigGAN: within "
        "(12 at step 26,000)"
    ) in said


def test_nothing_measured_yet_is_said(tmp_path):
    report = make_report([write_run(tmp_path / "a")])
    assert results(report) == [["configuration", "runs"], ["biggan", "1\na, seed 0"]]
    assert "Nothing was measured yet; gan-jax evaluate does so." in text(report)
