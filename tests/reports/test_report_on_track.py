"""Verdicts beside published curves, and truncation curves."""

from __future__ import annotations

import math

import pytest

from gan_jax.reports import CURVES, on_track
from gan_jax.reports.make import make_report, reasons, sweep_cells, tracks_by_curve
from gan_jax.reports.published import Rail
from gan_jax.reports.track import Kept, matches, published_at, tolerance
from tests.reports.report_runs import config, entry, study, write_run

(CIFAR,) = [c for c in CURVES if c.name == "StudioGAN CIFAR-10 BigGAN"]
(LARGE,) = [c for c in CURVES if c.name == "StudioGAN BigGAN-2048"]
IMAGENET = {
    "data.source": "tfds:imagenet2012",
    "data.image_shape": (128, 128, 3),
    "data.num_classes": 1000,
    "train.batch_size": 2048,
}


@pytest.mark.parametrize("curve", CURVES, ids=lambda c: f"{c.name} {c.measure}")
def test_published_curves_are_well_formed(curve):
    steps = [step for step, _ in curve.points]
    assert steps == sorted(set(steps))
    assert min(value for _, value in curve.points) > 0.0
    for step, value in curve.points:
        assert published_at(curve, step) == pytest.approx(value, rel=1e-12)
    for rail in curve.rails:
        # The curves that the guard-rails were drawn from keep to them.
        assert published_at(curve, rail.step) + 6.0 < rail.below


def test_between_points_the_logarithm_is_linear():
    assert published_at(CIFAR, 6_000) == pytest.approx(math.sqrt(45.4 * 28.6), rel=1e-12)
    assert published_at(CIFAR, 4_000) == pytest.approx(45.4**0.75 * 28.6**0.25, rel=1e-12)
    assert published_at(CIFAR, 1_999) is None
    assert published_at(CIFAR, 98_001) is None


def test_the_tolerance_is_a_quarter_and_of_distances_at_least_five():
    assert tolerance(CIFAR, 40.0) == 10.0
    assert tolerance(CIFAR, 8.0) == 5.0
    score = next(c for c in CURVES if c.measure == "inception_score")
    assert tolerance(score, 8.0) == 2.0


@pytest.mark.parametrize(
    ("step", "value", "verdict"),
    [
        (2_000, 45.4 * 1.24, "within"),
        (2_000, 45.4 * 1.26, "behind"),
        (2_000, 45.4 * 0.74, "ahead"),
        (98_000, 8.03 + 4.99, "within"),
        (98_000, 8.03 + 5.01, "behind"),
        (98_000, 8.03 - 5.01, "ahead"),
        (1_000, 8.0, "not covered"),
        (2_000, math.nan, "not finite"),
    ],
)
def test_verdicts(step, value, verdict):
    ((track,), reason) = on_track(config(), [entry(step, value)])
    assert reason == ""
    assert track.curve is CIFAR
    assert [(point.step, point.verdict) for point in track.points] == [(step, verdict)]


def test_a_score_that_rises_is_judged_the_other_way():
    entries = [
        entry(s, v, measure="inception_score") for s, v in ((2_000, 4.0), (20_000, 9.0))
    ]
    (track,) = on_track(config(**IMAGENET), entries).tracks
    assert track.curve.name == "BigGAN-PyTorch BigGAN 128, batch 2048"
    assert [point.verdict for point in track.points] == ["ahead", "behind"]


@pytest.mark.parametrize(
    ("values", "verdicts"),
    [
        ({2_000: 170.0}, ["not yet measured", "not yet measured"]),
        ({10_000: 89.9, 50_000: 30.0}, ["kept", "broken"]),
        ({8_000: 50.0, 12_000: 90.0, 60_000: 29.9}, ["broken", "kept"]),
    ],
)
def test_guard_rails_are_judged_by_the_first_measurement_there(values, verdicts):
    entries = [entry(step, value, batch=2048) for step, value in values.items()]
    tracks = on_track(config(**IMAGENET), entries).tracks
    assert len(tracks) == 2
    for track in tracks:
        assert [each.verdict for each in track.rails] == verdicts
    first = min((step for step in values if step >= 10_000), default=None)
    assert tracks[0].rails[0] == Kept(
        Rail(10_000, 90.0), verdicts[0], first, values.get(first)
    )


def test_runs_beside_one_curve_share_a_table(tmp_path):
    runs = {"a": {2_000: 140.0, 10_000: 95.0}, "b": {10_000: 60.0}}
    paths = [
        write_run(
            tmp_path / name,
            entries=[entry(step, v, batch=2048) for step, v in values.items()],
            seed=seed,
            **IMAGENET,
            **{"recipe.d_steps": 2 + seed},
        )
        for seed, (name, values) in enumerate(runs.items())
    ]
    first, second = tracks_by_curve(make_report(paths))
    assert second.title == "frechet_distance/inception beside StudioGAN BigGAN-2048"
    assert second.cells == [
        ["step", "published", "a", "b"],
        ["2,000", "137.1", "140\nwithin", "-"],
        ["10,000", "63.2", "95\nbehind", "60\nwithin"],
        ["below 90 by 10,000", "-", "broken\n95 at 10,000", "kept\n60 at 10,000"],
        ["below 30 by 50,000", "-", "not yet measured", "not yet measured"],
    ]
    assert second.lines[0].startswith(
        "Unlike there: recipe.g_optimizer.learning_rate: 5e-05"
    )
    assert "recipe.d_steps: 2 there, 3 here (b)" in second.lines[0]
    assert second.lines[1] == "Published in POSTECH-CVLab/PyTorch-StudioGAN, logs."
    assert first.cells[1:3] == [
        ["2,000", "173.8", "140\nwithin", "-"],
        ["10,000", "83.6", "95\nwithin", "60\nahead"],
    ]


def test_what_is_unlike_the_published_run_is_said():
    changes = {
        "recipe.d_steps": 4,
        "recipe.g_optimizer.b1": 0.0,
        "recipe.d_optimizer.b1": 0.0,
    }
    found = on_track(
        config(**changes), [entry(2_000, 45.0, samples=10_000, reference_split="train")]
    )
    assert found.tracks[0].differences == (
        "recipe.d_steps: 5 there, 4 here",
        "recipe.g_optimizer.b1: 0.5 there, 0.0 here",
        "recipe.d_optimizer.b1: 0.5 there, 0.0 here",
        "samples: 50,000 there, 10,000 here",
        "reference: test there, train here",
    )


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, True),
        ({"data.source": "tfds:cifar10:3.0.2:train"}, True),
        ({"data.image_shape": None}, True),
        ({"data.source": "tfds:cifar100"}, False),
        ({"data.source": "builtin:mnist"}, False),
        ({"method": "dcgan"}, False),
        ({"train.batch_size": 50}, False),
        ({"data.num_classes": None}, False),
        ({"data.image_shape": (64, 64, 3)}, False),
    ],
)
def test_a_curve_is_of_method_data_and_batch(changes, expected):
    assert matches(config(**changes), CIFAR) is expected


def test_the_paper_and_the_authors_settings_meet_their_curves():
    names = [curve.name for curve in CURVES if matches(config(**IMAGENET), curve)]
    assert names == ["BigGAN-PyTorch BigGAN 128, batch 2048"] * 2 + [LARGE.name]


def test_why_there_is_no_verdict_is_one_line():
    other = on_track(config(method="dcgan"), [entry(2_000, 45.0)])
    assert other.tracks == ()
    assert other.reason.startswith(
        "no published curve is of dcgan on tfds:cifar10 with batch 64; there are curves of "
        "biggan on imagenet2012 with 2048, "
    )
    empty = on_track(config(), [])
    assert empty.reason == (
        "nothing was measured yet; published curves are compared with "
        "frechet_distance/inception"
    )
    unlike = [
        entry(2_000, 45.0, features="efficientnet_lite0"),
        entry(2_000, 45.0, truncation=0.5),
    ]
    assert on_track(config(), unlike).reason == (
        "published curves are of frechet_distance/inception, not truncated; this run was "
        "measured in frechet_distance/efficientnet_lite0, frechet_distance/inception, "
        "truncated, which does not compare"
    )


def test_unlike_measurings_are_judged_apart():
    entries = [entry(2_000, 45.0), entry(2_000, 90.0, samples=5_000)]
    tracks = on_track(config(), entries).tracks
    assert [track.points[0].verdict for track in tracks] == ["within", "behind"]


def test_runs_without_a_verdict_share_their_reason(tmp_path):
    paths = [write_run(tmp_path / name, seed=i) for i, name in enumerate("ab")]
    assert list(reasons(make_report(paths)).values()) == [["a", "b"]]


# Truncation.


def test_a_truncation_curve_goes_from_strong_to_none(tmp_path):
    (found,) = make_report(study(tmp_path)).sweeps
    assert (found.run, found.step) == ("biggan_0", 26_000)
    assert sweep_cells(found) == [
        ["threshold", "frechet_distance/inception", "inception_score/inception"],
        ["0.25", "44", "9.8"],
        ["0.5", "28", "8.8"],
        ["1", "20", "8.3"],
        ["1.5", "17.33", "8.133"],
        ["none", "12", "7.8"],
    ]


def test_only_states_measured_at_two_truncations_have_a_curve(tmp_path):
    entries = [
        entry(100, 9.0), entry(100, 8.0, truncation=0.5), entry(200, 7.0),
        entry(100, 3.0, truncation=0.5, measure="kernel_distance"),
    ]  # fmt: skip
    (found,) = make_report([write_run(tmp_path / "a", entries=entries)]).sweeps
    assert found.step == 100
    assert found.names == ("frechet_distance/inception",)
    assert [tuple(row) for row in found.rows] == [(0.5, (8.0,)), (None, (9.0,))]
