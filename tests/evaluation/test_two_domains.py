"""Samples of two domains, of which there is no score."""

import pytest

from gan_jax.config import default_config
from gan_jax.errors import UserError
from gan_jax.evaluation import evaluator_of


def test_pairs_have_nothing_to_be_measured_against():
    config = default_config()
    config.method, config.data.second = "cogan", "builtin:mnist_inverted"
    config.score.every, config.score.features = 10_000, "pixels_8x8"
    with pytest.raises(UserError, match=r"two domains side by side.*score\.every to 0"):
        evaluator_of(config, None)
    config.score.every = 0
    assert evaluator_of(config, None) is None
