"""Semi-supervised learning: what each part of the batch is for."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gan_jax import compile_game
from gan_jax.methods import semi_supervised_gan
from gan_jax.numerics import to_unit
from gan_jax.types import Outputs

SHAPE = (2, 2, 1)
OPTIONS = {"image_shape": SHAPE, "classes": 3, "g_features": (4,), "d_features": (5,)}
IMAGE = jax.random.normal(jax.random.key(1), (1, 6, *SHAPE))
KNOWN = jax.random.randint(jax.random.key(2), (1, 6, *SHAPE), 0, 255).astype(jnp.uint8)
LABEL = jnp.array([[0, 1, 2, 2, 1, 0]])


def step(game, batch):
    algorithm = compile_game(game)
    state = algorithm.init(jax.random.key(0))
    return algorithm, state, jax.jit(algorithm.step)(state, batch)[1]


def heads(game, state, x):
    """Class logits of images without noise."""
    player = state.players["discriminator"]
    transform = game.players["discriminator"].transform
    params = transform.apply(player.params, player.transform)["discriminator"]
    out = game.nets["discriminator"].apply(params, {}, x, train=True, keys=None)[0]
    assert isinstance(out, Outputs)
    return out


def test_labelled_examples_are_classified_and_the_others_told_from_generated():
    game = semi_supervised_gan(**OPTIONS, input_noise=0.0, hidden_noise=0.0)
    batch = {"image": IMAGE, "labelled": {"image": KNOWN, "label": LABEL}}
    _, state, metrics = step(game, batch)
    own = np.asarray(heads(game, state, to_unit(KNOWN[0])).classes, np.float64)
    nll = np.log(np.exp(own).sum(1)) - own[np.arange(6), np.asarray(LABEL[0])]
    np.testing.assert_allclose(metrics["disc/supervised"], nll.mean(), rtol=1e-5)
    real = heads(game, state, IMAGE[0])
    evidence = np.log(np.exp(np.asarray(real.classes, np.float64)).sum(1))
    np.testing.assert_allclose(real.logits, evidence, rtol=1e-5)
    np.testing.assert_allclose(metrics["disc/real_logits"], evidence.mean(), rtol=1e-5)
    total = metrics["disc/adversarial"] + metrics["disc/supervised"]
    np.testing.assert_allclose(metrics["disc/loss"], total, rtol=1e-6)


def test_the_generator_matches_features_alone():
    game = semi_supervised_gan(**OPTIONS)
    batch = {"image": IMAGE, "labelled": {"image": KNOWN, "label": LABEL}}
    _, _, metrics = step(game, batch)
    assert float(metrics["gen/adversarial"]) == 0.0
    np.testing.assert_allclose(metrics["gen/loss"], metrics["gen/features"], rtol=1e-6)
    assert float(metrics["gen/grad_norm"]) > 0.0


def test_the_discriminators_noise_differs_between_phases_and_examples():
    loud = semi_supervised_gan(**OPTIONS, input_noise=5.0)
    quiet = semi_supervised_gan(**OPTIONS, input_noise=0.0, hidden_noise=0.0)
    batch = {"image": IMAGE, "labelled": {"image": KNOWN, "label": LABEL}}
    one, other = (step(game, batch)[2] for game in (loud, quiet))
    gap = abs(float(one["disc/real_logits"]) - float(other["disc/real_logits"]))
    assert gap > 1e-2


def test_batches_without_labelled_examples_are_refused():
    algorithm = compile_game(semi_supervised_gan(**OPTIONS))
    state = algorithm.init(jax.random.key(0))
    with pytest.raises(ValueError, match=r"set data\.labelled to their number"):
        jax.eval_shape(algorithm.step, state, {"image": IMAGE})
    with pytest.raises(ValueError, match="takes no labels"):
        semi_supervised_gan(**OPTIONS, num_classes=3)
