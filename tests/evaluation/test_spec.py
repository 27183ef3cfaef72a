"""Specs: what a config asks for, and what no evaluation can do."""

import dataclasses
import json

import jax
import numpy as np
import pytest

from gan_jax.config import default_config
from gan_jax.errors import UserError
from gan_jax.evaluation.spec import Spec, check, spec_of
from gan_jax.sampler import sampling_key


def test_a_config_says_all():
    config = default_config()
    score = config.score
    score.samples, score.reference, score.seed, score.standing = 100, 50, 3, 16
    score.measures = ("frechet_distance", "precision_recall")
    with score.unlocked():
        score.options.precision_recall = {"neighbours": 3}
    score.features, score.split, score.truncation = "pixels_8x8", "test", 0.5
    score.labels, score.average = "as the data", False
    assert spec_of(config) == Spec(
        samples=100,
        reference=50,
        measures=("frechet_distance", "precision_recall"),
        options={"precision_recall": {"neighbours": 3}},
        features="pixels_8x8",
        split="test",
        held_out="test",
        seed=3,
        labels="as the data",
        truncation=0.5,
        standing=16,
        average=False,
    )


def test_every_field_of_the_spec_is_in_the_config():
    of_training = {"every", "best"}
    fields = {field.name for field in dataclasses.fields(Spec)}
    assert set(default_config().score) - of_training == fields


def test_json_and_back_with_the_latents_key():
    spec = Spec(samples=7, seed=5, measures=("frechet_distance",))
    values = json.loads(json.dumps(spec.to_dict()))
    key = jax.random.wrap_key_data(np.asarray(values["key"], np.uint32))
    assert key == sampling_key(5)
    assert Spec.from_dict(values) == spec


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"samples": 1}, "score.samples must be at least 2, got 1"),
        ({"reference": 1}, "score.reference must be at least 2, or 0 for all, got 1"),
        ({"reference": -2}, "score.reference must be at least 2, or 0 for all, got -2"),
        ({"truncation": 0.0}, "score.truncation must be positive, got 0.0"),
        ({"standing": -1}, "score.standing must be positive, got -1"),
        (
            {"measures": ("frechet_distanc",)},
            "no measure is named 'frechet_distanc'; did you mean 'frechet_distance'?",
        ),
        (
            {"labels": "in turns"},
            "no choice of labels is named 'in turns'; did you mean 'in turn'?",
        ),
    ],
)
def test_what_no_evaluation_can_do(changes, message):
    with pytest.raises(UserError) as caught:
        check(dataclasses.replace(Spec(samples=10), **changes))
    assert str(caught.value) == message
