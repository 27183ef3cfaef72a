"""The page and its Markdown: self-contained, safe, and as a browser shows it."""

from __future__ import annotations

import base64
import io
import re
import shutil
import subprocess
from html.parser import HTMLParser
from itertools import pairwise
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

from gan_jax.reports import make_report, page, write_report
from gan_jax.reports.markdown import curves_svg, escape, markdown
from gan_jax.reports.tidy import tidy
from tests.reports.report_runs import entry, grid, study, training_lines, write_run

VOID = {"meta", "br", "img"}
EVIL = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>|`*[a](http:b)"


class Checker(HTMLParser):
    """Collects what a page holds, and checks that what is opened is closed."""

    def __init__(self, text):
        super().__init__()
        self.open, self.tags, self.links, self.shown = [], [], [], []
        self.attributes = set()
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        if tag not in VOID:
            self.open.append(tag)
        self.attributes |= {name for name, _ in attrs}
        self.links += [v for n, v in attrs if n in ("src", "href", "srcset", "action")]

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.shown.append(data)


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    return make_report(study(tmp_path_factory.mktemp("study")))


def test_the_page_holds_everything_and_needs_nothing(report):
    html = page(report)
    checker = Checker(html)
    assert all(link.startswith("data:image/png;base64,") for link in checker.links)
    assert len(checker.links) == 4
    assert "script" not in checker.tags
    assert "link" not in checker.tags
    assert "url(" not in html
    assert "@import" not in html
    assert "Content-Security-Policy" in html
    assert checker.tags.count("svg") == 3 + 2 * 4
    named = ("Results", "On track?", "Truncation", "Curves", "Samples")
    assert tuple(text for text in checker.shown if text in named) == named
    assert "How the numbers were measured" in checker.shown
    assert "13 ± 1" in checker.shown
    assert "n 3, step 26,000" in checker.shown


def test_the_page_can_be_read_without_eyes_or_a_mouse(report):
    html = page(report)
    assert html.startswith('<!DOCTYPE html>\n<html lang="en">')
    assert '<meta name="viewport" content="width=device-width, initial-scale=1">' in html
    pictures = re.findall(r"<img [^>]*>", html)
    assert all(' alt="Samples of ' in picture for picture in pictures)
    charts = re.findall(r"<svg [^>]*>", html)
    assert all('role="img" aria-label="' in chart for chart in charts)
    for table in re.findall(r"<table>.*?</table>", html, re.DOTALL):
        heads = re.findall(r"<th ([^>]*)>", table)
        assert set(heads) == {'scope="col"', 'scope="row"'}
        rows = table.split("<tr>")[2:]
        assert all(row.startswith('<th scope="row">') for row in rows)
    regions = re.findall(r'<div class="scroll[^>]*>', html)
    assert all('role="region"' in r and 'tabindex="0"' in r for r in regions)
    levels = [int(level) for level in re.findall(r"<h(\d)>", html)]
    assert levels[0] == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))


def test_whatever_files_hold_is_shown_as_text(tmp_path):
    name = EVIL.replace("/", "∕")
    lines = [
        line | {f"{EVIL}/loss": 1.0, f"score/{EVIL}": 2.0} for line in training_lines(200)
    ]
    folder = write_run(
        tmp_path / name,
        entries=[
            entry(100, 9.0, features=EVIL, options={EVIL: EVIL}, reference=EVIL),
            entry(100, 9.5, features=EVIL, options={EVIL: EVIL}, truncation=0.5),
            entry(100, 9.0, samples=3, features=EVIL),
        ],
        lines=lines,
        picture=(100, grid()),
        method=EVIL,
    )
    (folder / "environment.json").write_text(
        (folder / "environment.json").read_text().replace('"box"', '"<script>x</script>"')
    )
    other = write_run(tmp_path / "b", **{"data.source": EVIL})
    report = make_report([folder, other])
    html = page(report)
    checker = Checker(html)
    assert "script" not in checker.tags
    assert checker.tags.count("img") == 1
    assert not {name for name in checker.attributes if name.startswith("on")}
    assert any(EVIL in text for text in checker.shown)
    said = markdown(report, "report.svg")
    assert "<script" not in said
    assert "<img" not in said
    assert not re.search(r"(?<!\\)\]\(http", said)
    root = ElementTree.fromstring(curves_svg(report))
    assert not [each for each in root.iter() if each.tag.rpartition("}")[2] == "script"]


def test_a_table_calculator_sees_no_formula(tmp_path):
    made = write_run(tmp_path / "=1+1", entries=[entry(1, -2.0, labels="@SUM(A1)")])
    line = tidy(make_report([made])).splitlines()[1]
    assert line.startswith("'=1+1,biggan,0,1,64,1.8,-2.0,,,,")
    assert ",'@SUM(A1)," in line


def test_escaped_markdown_is_text_on_one_line():
    assert escape("a|b\n<c> & `d` *e* [f](g) _h_") == (
        r"a\|b &lt;c&gt; &amp; \`d\` \*e\* \[f\](g) _h_"
    )


def test_markdown_has_the_tables(report):
    said = markdown(report, "report.svg")
    assert (
        "| biggan, recipe.d_steps 4 | 1<br>wide, seed 0 | 10.8<br>n 1, step 26,000 | - |"
    ) in said
    assert (
        "| 10,000 | 28.6 | 28<br>within | 29<br>within | 30<br>within | 25.2<br>within |"
        in said
    )
    assert "| none | 12 | 7.8 |" in said
    assert "![Curves](report.svg)" in said
    widths = {}
    for block in said.split("\n\n"):
        if block.startswith("|"):
            bars = {len(re.findall(r"(?<!\\)\|", line)) for line in block.splitlines()}
            widths[block[:20]] = bars
    assert all(len(bars) == 1 for bars in widths.values())


def test_pictures_are_the_newest_and_large_ones_are_made_smaller(tmp_path):
    folder = write_run(tmp_path / "a", picture=(300, grid(32, seed=1)))
    write_run(tmp_path / "x", picture=(200, grid(32, seed=2)))
    shutil.copy(tmp_path / "x/samples/samples_000000200.png", folder / "samples")
    large = write_run(
        tmp_path / "b", picture=(5, np.zeros((512, 2048, 3), np.uint8)), seed=1
    )
    small, reduced = Checker(page(make_report([folder, large]))).links
    kind, content = small.split(",")
    assert kind == "data:image/png;base64"
    shown = np.asarray(Image.open(io.BytesIO(base64.b64decode(content))))
    np.testing.assert_array_equal(shown, grid(32, seed=1))
    kind, content = reduced.split(",")
    assert kind == "data:image/jpeg;base64"
    assert Image.open(io.BytesIO(base64.b64decode(content))).size == (1024, 256)


def test_a_damaged_picture_is_said(tmp_path):
    folder = write_run(tmp_path / "a", picture=(300, grid()))
    path = folder / "samples" / "samples_000000300.png"
    path.write_bytes(path.read_bytes()[:100])
    checker = Checker(page(make_report([folder])))
    assert checker.links == []
    assert "samples_000000300.png cannot be read." in checker.shown


def test_a_run_without_measurements_still_has_curves(tmp_path):
    checker = Checker(
        page(make_report([write_run(tmp_path / "a", lines=training_lines(500))]))
    )
    assert "Nothing was measured yet; gan-jax evaluate does so." in checker.shown
    assert checker.tags.count("svg") == 4


# In a browser.


def chromium(*words):
    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser"))), None)
    if found is None:
        pytest.skip("no chromium here")
    flags = [
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--enable-logging=stderr",
        "--v=0",
    ]
    done = subprocess.run(
        [found, *flags, *words], capture_output=True, text=True, timeout=120, check=True
    )
    return done.stdout, [line for line in done.stderr.splitlines() if "CONSOLE" in line]


def test_a_browser_shows_it_without_a_word(report, tmp_path):
    html = write_report(report, tmp_path)[0]
    dom, complaints = chromium("--dump-dom", f"file://{html}")
    assert complaints == []
    checker = Checker(dom)
    assert checker.tags.count("table") == 4
    assert checker.tags.count("svg") == 11
    assert "13 ± 1" in checker.shown


@pytest.mark.parametrize("width", [1200, 500])
def test_a_browser_paints_it(report, tmp_path, width):
    html, picture = write_report(report, tmp_path)[0], tmp_path / "shot.png"
    size = f"--window-size={width},1600"
    _, complaints = chromium(
        size, f"--screenshot={picture}", "--hide-scrollbars", f"file://{html}"
    )
    assert complaints == []
    pixels = np.asarray(Image.open(picture).convert("RGB"))
    assert pixels.shape == (1600, width, 3)
    # A white page; the line of the first group is painted in its colour.
    assert tuple(pixels[0, 0]) == (255, 255, 255)
    blue = np.abs(pixels.astype(int) - (0x00, 0x60, 0xA0)).sum(axis=2) == 0
    assert blue.sum() > 100
