"""Numbers that may be compared share a column; unlike ones have columns of their own."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from gan_jax.evaluation.records import Entry
from gan_jax.metrics.manifest import Manifest, Measurement, UnlikeError, require_comparable


class Column(NamedTuple):
    """A way of measuring.

    Attributes:
        number: its place among the columns.
        label: measure and features, and in brackets what tells it from its neighbours.
        manifest: of all its numbers.
    """

    number: int
    label: str
    manifest: Manifest


class Columns:
    """The ways in which entries were measured.

    Args:
        entries: of all runs that are to be compared.
    """

    def __init__(self, entries: Iterable[Entry]) -> None:
        self._places: dict[str, int] = {}
        found: list[Measurement] = []
        for entry in entries:
            key = manifest_key(entry.measurement.manifest)
            if key not in self._places:
                self._places[key] = _place(found, entry.measurement)
        manifests = [each.manifest for each in found]
        labels = label(manifests)
        self.all = tuple(map(Column, range(len(found)), labels, manifests))

    def of(self, entry: Entry) -> Column:
        """The column of one of the entries."""
        return self.all[self._places[manifest_key(entry.measurement.manifest)]]


def _place(found: list[Measurement], measurement: Measurement) -> int:
    """The column that a number may stand in; a new one if it is like no other."""
    for index, other in enumerate(found):
        try:
            require_comparable(other, measurement)
        except UnlikeError:
            continue
        return index
    found.append(measurement)
    return len(found) - 1


def manifest_key(manifest: Manifest) -> str:
    """A manifest as text; of equal ones the same."""
    return json.dumps(manifest.to_dict(), sort_keys=True)


def label(manifests: Sequence[Manifest]) -> list[str]:
    """Titles, with as many fields as tell manifests of one title apart."""
    fields = [described(manifest) for manifest in manifests]
    labels = []
    for manifest, own in zip(manifests, fields, strict=True):
        alike = [
            other
            for each, other in zip(manifests, fields, strict=True)
            if each.title == manifest.title
        ]
        told = ", ".join(f"{name} {own.get(name, 'none')}" for name in tell_apart(alike))
        labels.append(f"{manifest.title} ({told})" if told else manifest.title)
    return labels


def described(manifest: Manifest) -> dict[str, str]:
    """The fields of a manifest in words, but for measure and features."""
    values = manifest.to_dict()
    options = values.pop("options")
    del values["measure"], values["features"]
    # What a reader asks for first tells columns apart before the rest does.
    first = ("truncation", "samples", "reference", "reference_split")
    ordered = {name: values.pop(name) for name in first} | options | values
    return {name.replace("_", " "): _said(name, value) for name, value in ordered.items()}


def _said(name: str, value: Any) -> str:
    if value is None:
        return "none"
    if name.endswith("fingerprint"):
        return str(value)[:8]
    return value if isinstance(value, str) else json.dumps(value)


def tell_apart(items: Sequence[Mapping[str, str]]) -> list[str]:
    """Fields by which items can be told apart: from the first on, each that parts more."""
    chosen: list[str] = []
    parted = 1
    for name in dict.fromkeys(name for item in items for name in item):
        tried = [*chosen, name]
        count = len({tuple(item.get(each) for each in tried) for item in items})
        if count > parted:
            chosen, parted = tried, count
    return chosen


def untruncated(manifest: Manifest) -> Manifest:
    """The same way of measuring, but for the truncation."""
    return dataclasses.replace(manifest, truncation=None)


def family(manifest: Manifest) -> str:
    """What ways of measuring have in common that differ in truncation alone."""
    return manifest_key(untruncated(manifest))


def summary_columns(columns: Columns) -> tuple[Column, ...]:
    """The columns of the table over runs: of several truncations of one way of measuring
    the weakest, which is none at all where it was measured.
    """
    kept: dict[str, Column] = {}
    for column in columns.all:
        name = family(column.manifest)
        if name not in kept or _weaker(column.manifest, kept[name].manifest):
            kept[name] = column
    return tuple(sorted(kept.values(), key=lambda column: column.number))


def _weaker(first: Manifest, second: Manifest) -> bool:
    if first.truncation is None or second.truncation is None:
        return first.truncation is None
    return first.truncation > second.truncation
