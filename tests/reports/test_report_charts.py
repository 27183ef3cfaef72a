"""Charts: places, ticks and titles; and what the curves of runs are made of."""

from __future__ import annotations

import math
from xml.etree import ElementTree

import pytest

from gan_jax.reports import charts, make_report
from gan_jax.reports.charts import Chart, Series, draw, log_ticks, number, ticks
from gan_jax.reports.curves import thinned, truncation_figure
from tests.reports.report_runs import entry, study, training_lines, write_run

SVG = "{http://www.w3.org/2000/svg}"


def parsed(chart):
    return ElementTree.fromstring(draw(chart))


def circles(root):
    return [(float(c.get("cx")), float(c.get("cy"))) for c in root.iter(f"{SVG}circle")]


def titles(root):
    return [each.text for each in root.iter(f"{SVG}title")]


def luminance(colour):
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0.0, 10.0, [0, 2, 4, 6, 8, 10]),
        (0.9, 1.31, [0.9, 1.0, 1.1, 1.2, 1.3]),
        (-0.5, 0.5, [-0.4, -0.2, 0.0, 0.2, 0.4]),
        (0.0, 1.7e6, [0, 5e5, 1e6, 1.5e6]),
    ],
)
def test_ticks_are_round_numbers(low, high, expected):
    assert ticks(low, high) == pytest.approx(expected, abs=1e-12)


def test_ticks_of_powers():
    assert log_ticks(3.0, 250.0) == pytest.approx([5, 10, 20, 50, 100, 200])
    assert log_ticks(0.5, 2e6) == pytest.approx([10.0**power for power in range(7)])


@pytest.mark.parametrize(
    ("value", "said"),
    [(0.05, "0.05"), (1234.0, "1234"), (12_000, "12k"), (2.5e6, "2.5M"), (3e9, "3G"),
     (-20_000, "-20k"), (0.0, "0")],
)  # fmt: skip
def test_numbers_for_people(value, said):
    assert number(value) == said


def test_points_lie_where_the_axes_say():
    root = parsed(Chart("t", "x", (Series("a", ((0.0, 1.0), (5.0, 2.0), (10.0, 3.0)), 0),)))
    (x0, y0), (x1, y1), (x2, y2) = circles(root)
    # The middle of three equal steps, at places rounded to a tenth.
    assert x1 == pytest.approx((x0 + x2) / 2, abs=0.11)
    assert y1 == pytest.approx((y0 + y2) / 2, abs=0.11)
    assert x0 == 62.0
    assert y0 > y1 > y2
    # A tick and a point of one number share a place.
    marks = [t for t in root.iter(f"{SVG}text") if t.get("text-anchor") == "end"]
    texts = {mark.text: float(mark.get("y")) for mark in marks}
    assert texts["2"] == pytest.approx(y1 + 4, abs=0.11)


def test_numbers_over_many_sizes_have_an_axis_of_powers():
    root = parsed(Chart("t", "x", (Series("a", ((0, 1.0), (1, 10.0), (2, 100.0)), 0),)))
    heights = [y for _, y in circles(root)]
    assert heights[0] - heights[1] == pytest.approx(heights[1] - heights[2], abs=0.11)


def test_one_point_and_equal_values_can_be_drawn():
    for points in (((5.0, 0.0),), ((0.0, 3.0), (0.0, 3.0))):
        places = circles(parsed(Chart("t", "x", (Series("a", points, 0),))))
        assert all(math.isfinite(each) for place in places for each in place)
        assert places[0] == pytest.approx(
            (62 + (440 - 12 - 62) / 2, 10 + 246 / 2), abs=0.11
        )


def test_series_of_one_name_share_an_entry_and_points_have_titles():
    series = (
        Series("a", ((0.0, 1.0), (20_000.0, 2.5)), 0, ("run 1",) * 2),
        Series("a", ((0.0, 1.5),), 0, ("run 2",)),
        Series("published", ((0.0, 1.2),), -1),
    )
    root = parsed(Chart("the title", "images", series, levels=(("none", 2.0, 0),)))
    assert titles(root) == [
        "none: 2", "a (run 1): 1 at 0", "a (run 1): 2.5 at 20k", "a (run 2): 1.5 at 0",
        "published: 1.2 at 0", "a", "published",
    ]  # fmt: skip
    assert root.get("role") == "img"
    assert root.get("aria-label") == "the title against images"


def test_many_groups_are_told_apart_by_dashes():
    series = tuple(Series(str(i), ((0.0, 1.0), (1.0, 2.0)), i) for i in range(32))
    root = parsed(Chart("t", "x", series))
    lines = [p for p in root.iter(f"{SVG}path") if p.get("class").startswith("series")]
    looks = {(line.get("class"), line.get("stroke-dasharray")) for line in lines}
    assert (len(lines), len(looks)) == (64, 32)
    grey = tuple(Series(str(i), ((0.0, 1.0),), -i) for i in (1, 2, 3))
    marks = list(parsed(Chart("t", "x", grey)).iter(f"{SVG}path"))
    dashes = {p.get("stroke-dasharray") for p in marks if p.get("class") == "series grey"}
    assert dashes == {"7 4", "2 3", "9 3 2 3"}


@pytest.mark.parametrize(
    ("colours", "back"),
    [(charts.LIGHT, charts.BACKGROUNDS[0]), (charts.DARK, charts.BACKGROUNDS[1])],
)
def test_series_stand_out_from_their_background(colours, back):
    for colour in colours:
        lights = sorted([luminance(colour), luminance(back)])
        assert (lights[1] + 0.05) / (lights[0] + 0.05) >= 4.5, colour


def test_thinning_keeps_the_mean_and_the_ends_in_order():
    points = [(float(i), float(i * i % 7)) for i in range(100)]
    kept = thinned(points, 25)
    assert len(kept) == 25
    assert kept[0] == (1.5, (0 + 1 + 4 + 2) / 4)
    mean = sum(y for _, y in kept) / 25
    assert mean == pytest.approx(sum(y for _, y in points) / 100)
    assert thinned(points, 100) == points


# Curves of runs.


def test_figures_of_a_study(tmp_path):
    report = make_report(study(tmp_path))
    assert [figure.title for figure in report.figures] == [
        "frechet_distance/inception (truncation none)",
        "inception_score/inception (truncation none)",
        "disc/loss",
        "gen/loss",
    ]
    images, hours = report.figures[0].charts
    assert [(s.name, s.colour) for s in images.series] == [
        *[("biggan, recipe.d_steps unset", 0)] * 3,
        ("biggan, recipe.d_steps 4", 1),
        ("StudioGAN CIFAR-10 BigGAN", -1),
    ]
    assert images.series[1].points[0] == (128_000.0, 47.0)
    assert images.series[1].notes[0] == "biggan_1"
    # The published curve goes one point further than the runs.
    assert images.series[4].points[-1] == (34_000 * 64.0, 10.5)
    assert hours.series[1].points[0] == (pytest.approx(1.0), 47.0)
    assert len(hours.series) == 4


def test_losses_are_drawn_against_hours_and_what_is_not_finite_is_counted(tmp_path):
    lines = training_lines(400)
    lines[1]["disc/loss"], lines[2]["disc/loss"] = "nan", "inf"
    report = make_report([write_run(tmp_path / "a", lines=lines)])
    figure = report.figures[0]
    assert figure.note == "2 values that are not finite are left out."
    images, hours = figure.charts
    assert [x for x, _ in images.series[0].points] == [6_400.0, 25_600.0]
    assert [x for x, _ in hours.series[0].points] == pytest.approx(
        [3.2 / 3600, 12.8 / 3600]
    )


def test_logged_scores_are_drawn_once_and_unlike_ones_apart(tmp_path):
    name = "score/frechet_distance/inception"
    lines = [
        {"step": s, "images_seen": s * 64, name: v} for s, v in ((100, 9.0), (200, 8.0))
    ]
    same = write_run(
        tmp_path / "a", lines=lines, entries=[entry(100, 9.0), entry(200, 8.0)]
    )
    assert [f.title for f in make_report([same]).figures] == ["frechet_distance/inception"]
    paths = [
        write_run(tmp_path / "b", lines=lines, **{"score.samples": 5_000}),
        write_run(tmp_path / "c", lines=lines, seed=1, **{"score.samples": 6_000}),
        write_run(tmp_path / "d", lines=lines, seed=2, **{"score.samples": 6_000}),
    ]
    figures = make_report(paths).figures
    assert [figure.title for figure in figures] == [
        f"{name} (score.samples 5000)", f"{name} (score.samples 6000)",
    ]  # fmt: skip
    assert [len(figure.charts[0].series) for figure in figures] == [1, 2]


def test_a_truncation_figure_has_each_measure_and_each_pair(tmp_path):
    (found,) = make_report(study(tmp_path)).sweeps
    distance, score, pair = truncation_figure(found).charts
    assert distance.series[0].points == (
        (0.25, 44.0), (0.5, 28.0), (1.0, 20.0), (1.5, 12.0 + 8.0 / 1.5),
    )  # fmt: skip
    assert distance.levels == (("no truncation", 12.0, 0),)
    assert score.y == "inception_score/inception"
    assert (pair.x, pair.y) == ("inception_score/inception", "frechet_distance/inception")
    assert pair.series[0].points[0] == (9.8, 44.0)
    assert pair.series[0].points[-1] == (7.8, 12.0)
    assert pair.series[0].notes[-1] == "no truncation"


def test_the_sheet_is_one_picture_of_all_charts(tmp_path):
    chart = Chart("t", "x", (Series("<a>", ((0.0, 1.0), (1.0, 2.0)), 0),))
    root = ElementTree.fromstring(
        charts.sheet([("one & two", [chart, chart]), ("b", [chart])])
    )
    assert len(list(root.iter(f"{SVG}svg"))) == 1 + 3
    assert (root.get("width"), root.get("height")) == ("880", str(2 * (32 + 300 + 28)))
    shown = [each.text for each in root.iter(f"{SVG}text")]
    assert shown[0] == "one & two"
    assert shown.count("<a>") == 3
