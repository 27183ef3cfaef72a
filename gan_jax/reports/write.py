"""A report's files, and the command that writes them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from gan_jax.errors import UserError
from gan_jax.files import write_atomic
from gan_jax.reports.make import Report
from gan_jax.reports.markdown import curves_svg, markdown
from gan_jax.reports.page import page
from gan_jax.reports.tidy import tidy

_CURVES = "report.svg"


def output_folder(workdirs: Sequence[str | Path], output: str | None) -> Path:
    """Where a report goes: as asked, else the folder "report" of the only run.

    Raises:
        UserError: there is no run, or there are several and it was not said where to.
    """
    if output is not None:
        return Path(output).expanduser()
    if not workdirs:
        raise UserError("--workdir is missing")
    if len(workdirs) > 1:
        raise UserError("--output is missing: the folder for a report over several runs")
    return Path(workdirs[0]).expanduser() / "report"


def write_report(report: Report, folder: Path) -> tuple[Path, ...]:
    """Writes report.html, report.md with report.svg, and report.csv, each whole or not.

    Args:
        report: the report.
        folder: made if missing.

    Returns:
        The files.

    Raises:
        UserError: a file cannot be written.
    """
    forms = {
        "report.html": page(report),
        "report.md": markdown(report, _CURVES),
        _CURVES: curves_svg(report),
        "report.csv": tidy(report),
    }
    paths = []
    for name, text in forms.items():
        paths.append(folder / name)
        try:
            write_atomic(paths[-1], text.encode())
        except OSError as error:
            raise UserError(f"cannot write {paths[-1]}: {error.strerror}") from error
    return tuple(paths)
