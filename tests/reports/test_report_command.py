"""`gan-jax report`."""

from __future__ import annotations

import json

import pytest

from gan_jax import cli
from gan_jax.reports import make_report, text, to_json
from tests.reports.report_runs import entry, study, write_run


def flags(folders):
    return [f"--workdir={folder}" for folder in folders]


def test_the_command_prints_the_table_and_writes_three_forms(capsys, tmp_path):
    folders, output = study(tmp_path / "runs"), tmp_path / "out"
    assert cli.main(["gan-jax", "report", *flags(folders), f"--output={output}"]) == 0
    names = ("report.html", "report.md", "report.svg", "report.csv")
    files = [str(output / name) for name in names]
    said = capsys.readouterr().out
    assert said == "\n".join([text(make_report(folders)), "", *files]) + "\n"
    assert sorted(path.name for path in output.iterdir()) == sorted(names)


def test_json_is_alone_on_the_output(capsys, tmp_path):
    folder = write_run(tmp_path / "a", entries=[entry(100, 9.0)])
    assert cli.main(["gan-jax", "report", *flags([folder]), "--json"]) == 0
    out, error = capsys.readouterr()
    assert json.loads(out) == json.loads(json.dumps(to_json(make_report([folder]))))
    (result,) = json.loads(out)["results"]
    assert result["cells"]["frechet_distance/inception"]["mean"] == 9.0
    assert error.splitlines()[0] == str(folder / "report" / "report.html")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("", "--workdir is missing"),
        ("--workdir={a} --workdir={a}", "--workdir={a} is given twice"),
        ("--workdir={a} --workdir={b}", "--output is missing: the folder for a report over "
         "several runs"),
        ("--workdir={a}/c", "{a}/c/config.json does not exist: no run has been there"),
    ],
)  # fmt: skip
def test_mistakes_are_one_line(capsys, tmp_path, words, said):
    places = {name: write_run(tmp_path / name) for name in "ab"}
    assert cli.main(["gan-jax", "report", *words.format(**places).split()]) == 2
    out, error = capsys.readouterr()
    assert (out, error) == ("", f"gan-jax: {said.format(**places)}\n")
