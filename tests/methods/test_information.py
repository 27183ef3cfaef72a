"""InfoGAN's codes: where they stand, and what is minimised."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gan_jax import compile_game, prng
from gan_jax.losses import CodeHeads
from gan_jax.methods import infogan
from gan_jax.methods.information import (
    categorical_information,
    code_prior,
    continuous_information,
)
from gan_jax.methods.terms import Round
from gan_jax.priors import normal
from gan_jax.types import Outputs

PRIOR = code_prior(normal(3), (4, 2), 2)
SHAPE = (8, 8, 1)


def drawn(n=5):
    return prng.draw(prng.per_example(jax.random.key(1), n), PRIOR)


def turn(heads, latents):
    rest = dict.fromkeys(Round._fields)
    outputs = Outputs(jnp.zeros(len(latents)), None, heads)
    return Round(**rest | {"drawn": latents, "fake_outputs": outputs})


def test_codes_stand_at_the_end_of_the_latents():
    z = np.asarray(drawn(400))
    assert z.shape == (400, 3 + 4 + 2 + 2)
    for part in (z[:, 3:7], z[:, 7:9]):
        np.testing.assert_array_equal(part.sum(1), np.ones(400))
        assert set(np.unique(part)) == {0.0, 1.0}
    assert np.abs(z[:, 9:]).max() <= 1.0
    # 400 draws of four values: 100 each, within 4 deviations.
    assert np.abs(z[:, 3:7].sum(0) - 100).max() < 4 * math.sqrt(400 * 3 / 16)


def test_terms_are_log_likelihoods_of_the_codes_that_were_drawn():
    z = drawn()
    four, two = (np.asarray(z[:, a:b]) for a, b in ((3, 7), (7, 9)))
    logits = [np.linspace(-1, 1, 5 * k).reshape(5, k) for k in (4, 2)]
    mean = np.linspace(-0.5, 0.5, 10).reshape(5, 2)
    heads = CodeHeads(
        tuple(jnp.asarray(x, jnp.float32) for x in logits), jnp.asarray(mean, jnp.float32)
    )
    nll = 0.0
    for own, code in zip(logits, (four, two), strict=True):
        nll += (np.log(np.exp(own).sum(1)) - (own * code).sum(1)).mean()
    found = categorical_information().fn(turn(heads, z))
    np.testing.assert_allclose(found, nll, rtol=1e-5)
    square = ((mean - np.asarray(z[:, 9:])) ** 2).sum(1).mean()
    found = continuous_information().fn(turn(heads, z))
    np.testing.assert_allclose(found, 0.5 * square + math.log(2 * math.pi), rtol=1e-5)


def test_both_players_minimise_the_bound():
    game = infogan(image_shape=SHAPE, categories=(3,), continuous=1, width=4)
    algorithm = compile_game(game)
    state = algorithm.init(jax.random.key(0))
    batch = {"image": jax.random.normal(jax.random.key(2), (1, 8, *SHAPE))}
    _, m = jax.jit(algorithm.step)(state, batch)
    for side in ("disc", "gen"):
        parts = m[f"{side}/categorical"] + 0.1 * m[f"{side}/continuous"]
        total = m[f"{side}/adversarial"] + parts
        np.testing.assert_allclose(m[f"{side}/loss"], total, rtol=1e-5)
        # An untrained Q knows nothing: about log 3.
        np.testing.assert_allclose(m[f"{side}/categorical"], math.log(3), rtol=0.05)


def test_terms_of_codes_that_there_are_not_are_dropped():
    def metrics(**codes):
        algorithm = compile_game(infogan(image_shape=SHAPE, width=4, **codes))
        state = jax.eval_shape(algorithm.init, jax.random.key(0))
        batch = {"image": jax.ShapeDtypeStruct((1, 4, *SHAPE), jnp.float32)}
        return jax.eval_shape(algorithm.step, state, batch)[1].keys()

    assert "gen/continuous" not in metrics(continuous=0)
    assert "gen/categorical" not in metrics(categories=())
    assert {"gen/categorical", "disc/continuous"} <= metrics()


@pytest.mark.parametrize(
    ("codes", "error"),
    [
        ({"categories": (), "continuous": 0}, "needs a code"),
        ({"categories": (1,)}, "two values or more"),
        ({"num_classes": 3}, "takes no labels: leave data.num_classes out"),
    ],
)
def test_codes_that_say_nothing_are_refused(codes, error):
    with pytest.raises(ValueError, match=error):
        infogan(image_shape=SHAPE, width=4, **codes)
