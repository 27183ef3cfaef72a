"""HTML pages that need nothing else: their frame, their style and their tables."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

COLOURS = (
    "#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#f0e442", "#8a63d2",
    "#7f7f7f", "#a6761d",
)  # fmt: skip
"""Of areas that lie side by side."""

_STYLE = """
:root { color-scheme: light dark; --line: #8884; --free: #8882; }
body { font: 15px/1.45 system-ui, sans-serif; max-width: 72rem; margin: 2rem auto;
  padding: 0 1rem; }
h1 { font-size: 1.5rem; } h2 { margin-top: 2.5rem; border-top: 1px solid var(--line);
  padding-top: 1rem; font-size: 1.2rem; } h3 { font-size: 1rem; margin: 1.2rem 0 .4rem; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: .2rem .7rem; text-align: right; border-bottom: 1px solid var(--line);
  white-space: nowrap; vertical-align: top; }
th:first-child, td:first-child { text-align: left; }
tbody th { font-weight: 500; }
.note { border-left: 3px solid #d55e00; padding-left: .7rem; }
"""
# Nothing is fetched and nothing is run, whatever a page may hold.
_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"


def tag(name: str, text: str, attributes: str = "") -> str:
    """An element that holds text.

    Args:
        name: of the element.
        text: escaped here.
        attributes: as they stand in the tag, with a space before them.
    """
    return f"<{name}{attributes}>{escape(text)}</{name}>"


def table(cells: Sequence[Sequence[str]], title: str = "") -> str:
    """A table that scrolls by itself where it is wider than the page.

    Args:
        cells: lines of texts, escaped here: the headings first, and in each line the name
            of the line first. What follows a line break within a text is written small.
        title: what a screen reader calls it.
    """
    head, *rows = cells
    top = "".join(f'<th scope="col">{_inside(cell)}</th>' for cell in head)
    lines = "".join(f"<tr>{_line(row)}</tr>" for row in rows)
    inside = f"<thead><tr>{top}</tr></thead><tbody>{lines}</tbody>"
    # Who has no mouse scrolls what has the focus.
    region = f' role="region" aria-label="{escape(title)}" tabindex="0"' if title else ""
    return f'<div class="scroll"{region}><table>{inside}</table></div>'


def document(title: str, body: Iterable[str], style: str = "") -> str:
    """A whole page.

    Args:
        title: escaped here.
        body: its parts, HTML.
        style: rules beside those of all pages.
    """
    head = (
        '<meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
        f"<title>{escape(title)}</title><style>{_STYLE}{style}</style>"
    )
    inside = "\n".join(body)
    return (
        f'<!DOCTYPE html>\n<html lang="en"><head>{head}</head><body><main>\n'
        f"{inside}\n</main></body></html>\n"
    )


def _line(row: Sequence[str]) -> str:
    first, *rest = row
    cells = "".join(f"<td>{_inside(cell)}</td>" for cell in rest)
    return f'<th scope="row">{_inside(first)}</th>{cells}'


def _inside(text: str) -> str:
    first, _, rest = text.partition("\n")
    small = "".join(f"<br><small>{escape(part)}</small>" for part in rest.splitlines())
    return escape(first) + small
