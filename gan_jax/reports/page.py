"""A report as one HTML page that needs nothing else."""

from __future__ import annotations

import base64
import io
from html import escape

from gan_jax.pages import document, table, tag
from gan_jax.reports import charts, words
from gan_jax.reports.curves import Figure, truncation_figure
from gan_jax.reports.make import (
    Report,
    manifests,
    reasons,
    results,
    sweep_cells,
    tracks_by_curve,
)
from gan_jax.reports.runs import Picture, Run

_WIDEST = 1024  # pixels of a picture, across and down
_LIGHT, _DARK = charts.BACKGROUNDS
_STYLE = f"""
body {{ background: {_LIGHT}; color: #1a1a1a; overflow-wrap: anywhere; }}
@media (prefers-color-scheme: dark) {{ body {{ background: {_DARK}; color: #e8e8e8; }} }}
small {{ font-size: .85em; opacity: .8; }}
.results th:first-child, .results td:first-child {{ white-space: normal; min-width: 9rem; }}
thead th {{ white-space: normal; min-width: 5.5rem; vertical-align: bottom; }}
td, th {{ overflow-wrap: normal; }} td small, th small {{ white-space: nowrap; }}
figure {{ margin: 0 0 1.5rem; }} figcaption {{ margin: .2rem 0 .5rem; }}
.charts {{ display: flex; flex-wrap: wrap; gap: .5rem 1.5rem;
  align-items: flex-start; }}
.charts > svg {{ flex: 1 1 26rem; min-width: 0; }}
.samples {{ display: flex; flex-wrap: wrap; gap: 1.5rem; }}
.samples figure {{ flex: 1 1 20rem; max-width: 34rem; }}
.samples img {{ max-width: 100%; height: auto; }}
"""


def page(report: Report) -> str:
    """The report as HTML. Whatever the runs' files hold is shown as text."""
    body = [
        tag("h1", words.TITLE),
        tag("p", words.opening(report)),
        tag("h2", words.RESULTS),
        table(results(report), words.RESULTS).replace(
            '<div class="scroll"', '<div class="scroll results"', 1
        ),
        *(tag("p", line) for line in words.about_results(report)),
        tag("h2", words.TRACK),
        *_tracks(report),
        *_truncation(report),
        *_curves(report),
        *_samples(report),
    ]
    if report.columns:
        cells, shared = manifests(report)
        body += [tag("h2", words.MEASURED), table(cells, words.MEASURED), tag("p", shared)]
    title = ", ".join(run.name for run in report.runs)
    return document(f"{words.TITLE}: {title}", body, _STYLE + charts.style())


def _tracks(report: Report) -> list[str]:
    parts = []
    for beside in tracks_by_curve(report):
        parts += [tag("h3", beside.title), table(beside.cells, beside.title)]
        parts += [tag("p", line) for line in beside.lines]
    if parts:
        parts.append(tag("p", words.about_tracks()))
    for reason, names in reasons(report).items():
        parts.append(tag("p", f"{', '.join(names)}: {reason}."))
    return parts


def _truncation(report: Report) -> list[str]:
    parts = [tag("h2", words.TRUNCATION)] if report.sweeps else []
    for found in report.sweeps:
        figure = truncation_figure(found)
        parts += [_figure(figure), table(sweep_cells(found), figure.title)]
    return parts


def _curves(report: Report) -> list[str]:
    if not report.figures:
        return []
    heads = [tag("h2", words.CURVES), tag("p", words.about_curves())]
    return [*heads, *map(_figure, report.figures)]


def _figure(figure: Figure) -> str:
    drawn = "".join(charts.draw(chart) for chart in figure.charts)
    note = tag("p", figure.note) if figure.note else ""
    return (
        f'<figure>{tag("h3", figure.title)}<div class="charts">{drawn}</div>{note}</figure>'
    )


def _samples(report: Report) -> list[str]:
    shown = [_picture(run, run.picture) for run in report.runs if run.picture is not None]
    if not shown:
        return []
    return [tag("h2", words.SAMPLES), f'<div class="samples">{"".join(shown)}</div>']


def _picture(run: Run, picture: Picture) -> str:
    said = f"{run.name}, step {picture.step:,}"
    started = f" Started {run.started}." if run.started else ""
    caption = tag("figcaption", f"{said}.{started}")
    source = _data_uri(picture)
    if source is None:
        return (
            f"<figure>{caption}{tag('p', f'{picture.path.name} cannot be read.')}</figure>"
        )
    alt = escape(f"Samples of {said}", quote=True)
    return f'<figure>{caption}<img src="{source}" alt="{alt}"></figure>'


def _data_uri(picture: Picture) -> str | None:
    """A picture as it may stand in a page, made smaller if large; None if it is damaged."""
    from PIL import Image

    try:
        with Image.open(picture.path) as opened:
            opened.load()
            image = opened.convert("RGB")
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError):
        return None
    kind, encoded = "PNG", io.BytesIO()
    if max(image.size) > _WIDEST:
        image.thumbnail((_WIDEST, _WIDEST), Image.Resampling.LANCZOS)
        kind = "JPEG"
    image.save(encoded, format=kind, quality=90)
    content = base64.b64encode(encoded.getvalue()).decode()
    return f"data:image/{kind.lower()};base64,{content}"
