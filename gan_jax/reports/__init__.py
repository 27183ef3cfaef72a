"""Reports over runs: results with their spread over seeds, curves, and whether a run is on
track.

    report = make_report(["runs/a", "runs/b"])
    write_report(report, Path("report"))

Numbers that were not measured alike never share a column.
"""

from gan_jax.reports.make import Report, make_report, to_json
from gan_jax.reports.page import page
from gan_jax.reports.published import CURVES, Curve
from gan_jax.reports.text import text
from gan_jax.reports.track import OnTrack, Track, on_track
from gan_jax.reports.write import output_folder, write_report

__all__ = [
    "CURVES",
    "Curve",
    "OnTrack",
    "Report",
    "Track",
    "make_report",
    "on_track",
    "output_folder",
    "page",
    "text",
    "to_json",
    "write_report",
]
