"""Runs as they are read: whole lines, alive runs, mistakes that are one line each."""

from __future__ import annotations

import json
import math

import pytest

from gan_jax.errors import UserError
from gan_jax.reports import make_report, output_folder, write_report
from gan_jax.reports.runs import clock, read_runs
from tests.reports.report_runs import entry, grid, training_lines, write_run


def test_a_run_is_read_with_all_that_it_wrote(tmp_path):
    made = write_run(
        tmp_path / "a",
        entries=[entry(10, 5.0, std=0.5, low=4.0, high=6.0)],
        lines=[{"step": 1, "images_seen": 64, "disc/loss": "nan", "gen/loss": "-inf"}],
        picture=(20, grid()),
        seed=3,
    )
    (run,) = read_runs([made])
    assert (run.name, run.seed, run.config["method"]) == ("a", 3, "biggan")
    assert run.started == "2026-11-28T09:00:00 on box, 1 x cpu cpu, gan_jax 0.1.0"
    assert run.entries == (entry(10, 5.0, std=0.5, low=4.0, high=6.0),)
    assert math.isnan(run.metrics[0]["disc/loss"])
    assert run.metrics[0]["gen/loss"] == -math.inf
    assert run.picture.step == 20


def test_names_are_the_shortest_ends_that_differ(tmp_path):
    paths = [write_run(tmp_path / name) for name in ("x/run", "y/run", "other")]
    assert [run.name for run in read_runs(paths)] == ["x/run", "y/run", "other"]


def test_notes_and_torn_last_lines_are_passed_over(tmp_path):
    lines = [*training_lines(200), {"step": 200, "name": "config", "text": "..."}]
    made = write_run(tmp_path / "a", lines=lines, entries=[entry(100, 5.0)])
    for name in ("metrics.jsonl", "evaluations.jsonl"):
        with (made / name).open("a") as stream:
            stream.write('{"step": 300, "val')
    (run,) = read_runs([made])
    assert [line["step"] for line in run.metrics] == [100, 200]
    assert [each.step for each in run.entries] == [100]


@pytest.mark.parametrize("name", ["metrics.jsonl", "evaluations.jsonl"])
def test_a_damaged_line_elsewhere_is_named(tmp_path, name):
    made = write_run(tmp_path / "a", lines=training_lines(200), entries=[entry(100, 5.0)])
    path = made / name
    path.write_text('{"step": 3, "va\n' + path.read_text())
    with pytest.raises(UserError, match=rf"^{path}, line 1, is damaged") as caught:
        read_runs([made])
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "line", ["[1]", '"text"', '{"loss": 1}', '{"step": 1, "a": null}', "3"]
)
def test_a_line_that_is_no_metrics_is_named(tmp_path, line):
    made = write_run(tmp_path / "a", lines=training_lines(100))
    (made / "metrics.jsonl").write_text(f"{line}\n{{}}\n")
    with pytest.raises(UserError, match="line 1, is damaged"):
        read_runs([made])


def test_mistakes_are_one_line(tmp_path):
    made = write_run(tmp_path / "a")
    with pytest.raises(UserError, match=r"^--workdir is missing$"):
        make_report([])
    with pytest.raises(UserError, match=rf"^--workdir={tmp_path}/b/../a is given twice$"):
        make_report([made, f"{tmp_path}/b/../a"])
    with pytest.raises(UserError, match="no run has been there"):
        make_report([made, tmp_path / "nothing"])
    (made / "environment.json").write_text("{}")
    with pytest.raises(UserError, match=r"environment.json is not readable"):
        make_report([made])


def test_where_a_report_goes(tmp_path):
    assert output_folder([tmp_path / "a"], None) == tmp_path / "a" / "report"
    assert output_folder(["a", "b"], str(tmp_path)) == tmp_path
    with pytest.raises(UserError, match=r"^--output is missing: the folder"):
        output_folder(["a", "b"], None)


def test_a_report_that_cannot_be_written_is_one_line(tmp_path):
    report = make_report([write_run(tmp_path / "a")])
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match=r"^cannot write .*/file/report.html: "):
        write_report(report, tmp_path / "file")


def test_files_of_a_report_are_whole_and_alone(tmp_path):
    report = make_report([write_run(tmp_path / "a")])
    paths = write_report(report, tmp_path / "out")
    names = ["report.html", "report.md", "report.svg", "report.csv"]
    assert [path.name for path in paths] == names
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == sorted(names)


def test_hours_are_those_that_were_logged(tmp_path):
    lines = [
        {
            "step": s,
            "images_seen": s * 64,
            "wall_seconds": 36.0 * s,
            "images_per_second": 1.0,
        }
        for s in (100, 200)
    ]
    (run,) = read_runs([write_run(tmp_path / "a", lines=lines)])
    assert clock(run) == [(0.0, 0.0), (6_400.0, 1.0), (12_800.0, 2.0)]


def test_without_a_time_hours_come_from_speeds(tmp_path):
    speeds = ((100, 6_400 / 3_600), (150, None), (200, 12_800 / 3_600), (300, "inf"))
    lines = [
        {"step": step, "images_seen": step * 64}
        | ({} if speed is None else {"images_per_second": speed})
        for step, speed in speeds
    ]
    (run,) = read_runs([write_run(tmp_path / "a", lines=lines)])
    found = clock(run)
    assert [images for images, _ in found] == [0.0, 6_400.0, 12_800.0, 19_200.0]
    assert [hours for _, hours in found] == pytest.approx([0.0, 1.0, 1.5, 1.5])


def test_metrics_without_images_seen_count_steps_times_batch(tmp_path):
    made = write_run(tmp_path / "a")
    (made / "metrics.jsonl").write_text(json.dumps({"step": 3, "disc/loss": 1.0}) + "\n")
    (run,) = read_runs([made])
    assert run.metrics[0]["images_seen"] == 192.0
