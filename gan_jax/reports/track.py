"""Is a run on track? Its numbers beside the training curves that others published."""

from __future__ import annotations

import bisect
import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from gan_jax.config import flatten
from gan_jax.evaluation.records import Entry
from gan_jax.metrics.manifest import Manifest
from gan_jax.reports.columns import Columns
from gan_jax.reports.published import CURVES, Curve, Rail

FEATURES = "inception"
"""The feature net of the published curves, by its name in a manifest."""
RELATIVE = 0.25
ABSOLUTE = {"frechet_distance": 5.0}
"""A number is within a curve if it differs by no more than a quarter of it, and a Fréchet
distance also if by no more than 5, as pipelines do among themselves."""
_RISING = ("inception_score",)
_ABSENT = object()


class Judged(NamedTuple):
    """A number beside the curve.

    Attributes:
        step: at which it was measured.
        value: the number.
        published: the curve there; None before its first point and after its last.
        verdict: "within", "ahead" or "behind"; "not covered" where the curve is not.
    """

    step: int
    value: float
    published: float | None
    verdict: str


class Kept(NamedTuple):
    """What became of a guard-rail.

    Attributes:
        rail: what must be kept to.
        verdict: "kept", "broken", or "not yet measured".
        step: of the first measurement at its step or after, or None.
        value: of that measurement, or None.
    """

    rail: Rail
    verdict: str
    step: int | None
    value: float | None


class Track(NamedTuple):
    """A run beside one curve.

    Attributes:
        curve: the published one.
        manifest: how the run was measured.
        points: by step.
        rails: those of the curve.
        differences: in settings and measuring, in words.
    """

    curve: Curve
    manifest: Manifest
    points: tuple[Judged, ...]
    rails: tuple[Kept, ...]
    differences: tuple[str, ...]


class OnTrack(NamedTuple):
    """What published curves say about a run.

    Attributes:
        tracks: one for each curve and way of measuring.
        reason: why there is none, in one line; empty if there is one.
    """

    tracks: tuple[Track, ...]
    reason: str


def on_track(
    config: Mapping[str, Any], entries: Sequence[Entry], curves: Sequence[Curve] = CURVES
) -> OnTrack:
    """Compares a run with the published curves of its method, data and batch size.

    Between two points of a curve the logarithm of the number is taken to be linear in the
    step. Only numbers in the features of the FID Inception, of samples that were not
    truncated, are compared.

    Args:
        config: of the run, plain values.
        entries: what was measured of it.
        curves: published ones.

    Returns:
        A verdict for every measured step, or why there is none.
    """
    matching = [curve for curve in curves if matches(config, curve)]
    if not matching:
        return OnTrack((), _no_curve(config, curves))
    measures = {curve.measure for curve in matching}
    usable = [each for each in entries if _usable(each.measurement.manifest, measures)]
    if not usable:
        return OnTrack((), _no_number(entries, sorted(measures)))
    columns = Columns(usable)
    flat = flatten(config)
    tracks = []
    for column in columns.all:
        mine = {each.step: each for each in usable if columns.of(each) == column}
        values = {step: float(mine[step].measurement.value) for step in sorted(mine)}
        tracks += [
            _track(flat, curve, column.manifest, values)
            for curve in matching
            if curve.measure == column.manifest.measure
        ]
    return OnTrack(tuple(tracks), "")


def matches(config: Mapping[str, Any], curve: Curve) -> bool:
    """Whether a curve is of a config's method, data, image size and batch size."""
    data, train = config.get("data", {}), config.get("train", {})
    shape = data.get("image_shape")
    conditional = data.get("num_classes") is not None
    return (
        config.get("method") == curve.method
        and _data_set(str(data.get("source", ""))) == curve.data
        and train.get("batch_size") == curve.batch_size
        and (shape is None or tuple(shape) == curve.image_shape)
        and curve.conditional in (None, conditional)
    )


def _data_set(source: str) -> str | None:
    """The name of a tfds data set."""
    kind, _, rest = source.partition(":")
    return rest.split(":")[0].split("/")[0] if kind == "tfds" else None


def published_at(curve: Curve, step: int) -> float | None:
    """The number of a curve at a step; None before its first point and after its last."""
    steps = [each for each, _ in curve.points]
    if not steps[0] <= step <= steps[-1]:
        return None
    after = max(bisect.bisect_left(steps, step), 1)
    (left, low), (right, high) = curve.points[after - 1], curve.points[after]
    share = (step - left) / (right - left)
    return math.exp((1.0 - share) * math.log(low) + share * math.log(high))


def tolerance(curve: Curve, published: float) -> float:
    """By how much a number may differ from a curve and still be within it."""
    return max(RELATIVE * published, ABSOLUTE.get(curve.measure, 0.0))


def _track(
    flat: Mapping[str, Any], curve: Curve, manifest: Manifest, values: Mapping[int, float]
) -> Track:
    return Track(
        curve,
        manifest,
        tuple(_judge(curve, step, value) for step, value in values.items()),
        tuple(_rail(rail, values) for rail in curve.rails),
        (*_other_settings(flat, curve), *_other_measuring(manifest, curve)),
    )


def _judge(curve: Curve, step: int, value: float) -> Judged:
    published = published_at(curve, step)
    if published is None or not math.isfinite(value):
        verdict = "not covered" if published is None else "not finite"
        return Judged(step, value, published, verdict)
    better = value - published if curve.measure in _RISING else published - value
    if abs(better) <= tolerance(curve, published):
        return Judged(step, value, published, "within")
    return Judged(step, value, published, "ahead" if better > 0.0 else "behind")


def _rail(rail: Rail, values: Mapping[int, float]) -> Kept:
    """Judged by the first measurement at its step or after."""
    step = min((each for each in values if each >= rail.step), default=None)
    if step is None:
        return Kept(rail, "not yet measured", None, None)
    return Kept(rail, "kept" if values[step] < rail.below else "broken", step, values[step])


def _other_settings(flat: Mapping[str, Any], curve: Curve) -> list[str]:
    """Settings that differ; None here is what the method has of its own."""
    lines = []
    for name, there in curve.settings.items():
        here = flat.get(name, _ABSENT)
        if here is None or here is _ABSENT:
            lines.append(f"{name}: {there} there, here as the method has it")
        elif here != there:
            lines.append(f"{name}: {there} there, {here} here")
    return lines


def _other_measuring(manifest: Manifest, curve: Curve) -> list[str]:
    lines = []
    if curve.samples != manifest.samples:
        lines.append(f"samples: {curve.samples:,} there, {manifest.samples:,} here")
    split = curve.split
    if curve.measure not in _RISING and split != manifest.reference_split:
        said = "not said" if split is None else split
        lines.append(f"reference: {said} there, {manifest.reference_split} here")
    if curve.features != "the FID Inception":
        lines.append(f"features: {curve.features} there, the FID Inception here")
    if curve.conditional is None:
        lines.append("whether it was conditional there is not said")
    return lines


def _usable(manifest: Manifest, measures: set[str]) -> bool:
    return (
        manifest.measure in measures
        and manifest.features == FEATURES
        and manifest.truncation is None
    )


def _no_curve(config: Mapping[str, Any], curves: Sequence[Curve]) -> str:
    data, train = config.get("data", {}), config.get("train", {})
    mine = (
        f"{config.get('method')} on {data.get('source')} with batch "
        f"{train.get('batch_size')}"
    )
    there = ", ".join(
        dict.fromkeys(
            f"{each.method} on {each.data} with {each.batch_size}" for each in curves
        )
    )
    return f"no published curve is of {mine}; there are curves of {there}"


def _no_number(entries: Sequence[Entry], measures: Sequence[str]) -> str:
    wanted = " or ".join(f"{name}/{FEATURES}" for name in measures)
    if not entries:
        return f"nothing was measured yet; published curves are compared with {wanted}"
    titles = dict.fromkeys(
        each.measurement.manifest.title
        + ("" if each.measurement.manifest.truncation is None else ", truncated")
        for each in entries
    )
    return (
        f"published curves are of {wanted}, not truncated; this run was measured in "
        f"{', '.join(titles)}, which does not compare"
    )
