"""Manifests: what must agree before numbers are compared."""

import dataclasses

import pytest

from gan_jax.metrics.manifest import (
    Manifest,
    Measurement,
    UnlikeError,
    compare,
    differences,
    require_comparable,
)

MANIFEST = Manifest(
    measure="precision",
    options={"neighbours": 5},
    features="inception",
    features_fingerprint="6726825d",
    resize="legacy",
    quantisation="uint8",
    reference="tfds:cifar10:train",
    reference_split="as trained",
    reference_fingerprint="abc",
    reference_count=50_000,
    samples=50_000,
    seed=0,
    truncation=None,
    labels="in turn",
    batch_norm="running",
    average=True,
    code="0.1.0",
)
OTHERS = {
    "measure": "recall",
    "options": {"neighbours": 3},
    "features": "dino_vits16",
    "features_fingerprint": "0",
    "resize": "clean",
    "quantisation": "none",
    "reference": "tfds:cifar10:test",
    "reference_split": "test",
    "reference_fingerprint": "abd",
    "reference_count": 10_000,
    "samples": 10_000,
    "seed": 1,
    "truncation": 0.5,
    "labels": "as the data",
    "batch_norm": "standing 16 x 64",
    "average": False,
    "code": "0.2.0",
}


def test_numbers_measured_alike_are_compared():
    first, second = Measurement(3.5, MANIFEST), Measurement(3.25, MANIFEST)
    assert compare(first, second) == -0.25
    require_comparable(first, second, first)


def test_every_field_is_told_apart():
    assert OTHERS.keys() == {field.name for field in dataclasses.fields(Manifest)}


@pytest.mark.parametrize("name", OTHERS)
def test_one_unlike_field_is_named(name):
    other = dataclasses.replace(MANIFEST, **{name: OTHERS[name]})
    difference = f"{name}: {getattr(MANIFEST, name)!r} and {OTHERS[name]!r}"
    assert differences(MANIFEST, other) == [difference]
    with pytest.raises(UnlikeError) as caught:
        compare(Measurement(1.0, MANIFEST), Measurement(2.0, other))
    assert str(caught.value) == (
        "these numbers were not measured alike and cannot be compared: " + difference
    )


def test_json_and_back():
    found = Measurement(0.5, MANIFEST, std=0.1, low=0.4, high=0.6)
    assert Measurement.from_dict(found.to_dict() | {"step": 3}) == found
    with pytest.raises(ValueError, match="other fields: epoch"):
        Manifest.from_dict(MANIFEST.to_dict() | {"epoch": 1})


def test_as_text():
    assert str(Measurement(0.123456789, MANIFEST)) == "precision/inception 0.12346"
    whole = Measurement(2.0, MANIFEST, std=0.25, low=1.5, high=2.5)
    assert str(whole) == "precision/inception 2 ± 0.25 [1.5, 2.5]"
