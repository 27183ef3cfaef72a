"""K + 1 classes: the explicit softmax over K + 1 logits in float64."""

import jax
import jax.numpy as jnp
import numpy as np

from gan_jax import losses
from gan_jax.types import MeanLoss


def k_plus_one(logits):
    """Probabilities of K classes and of "generated", whose logit is 0."""
    odds = np.exp(np.concatenate([logits, np.zeros((len(logits), 1))], axis=1))
    return odds / odds.sum(1, keepdims=True)


def unsupervised(real, fake):
    real, fake = k_plus_one(real)[:, -1], k_plus_one(fake)[:, -1]
    return -np.log(1 - real).mean() - np.log(fake).mean()


def supervised(logits, labels):
    chances = k_plus_one(logits)
    chosen = [
        -np.log(row[y] / row[:-1].sum())
        for row, y in zip(chances, labels, strict=True)
        if y >= 0
    ]
    return np.mean(chosen)


def draw(*shape, seed=0):
    return 1.5 * np.random.default_rng(seed).standard_normal(shape)


def test_unsupervised_part(differences):
    real, fake = draw(4, 3), draw(5, 3, seed=1)
    loss = losses.unsupervised()
    assert isinstance(loss, MeanLoss)
    value, slopes = jax.jit(jax.value_and_grad(loss.discriminator, (0, 1)))(
        jnp.float32(real), jnp.float32(fake)
    )
    np.testing.assert_allclose(value, unsupervised(real, fake), rtol=2e-6)
    for slope, numeric in zip(slopes, differences(unsupervised, real, fake), strict=True):
        np.testing.assert_allclose(slope, numeric, rtol=1e-4, atol=1e-6)
    generator = -np.log(1 - k_plus_one(fake)[:, -1]).mean()
    result = loss.generator(jnp.float32(real), jnp.float32(fake))
    np.testing.assert_allclose(result, generator, rtol=2e-6)


def test_unsupervised_part_over_another_base():
    real, fake = jnp.float32(draw(4, 3)), jnp.float32(draw(4, 3, seed=1))
    loss = losses.unsupervised(losses.hinge)
    evidence = [np.log(np.exp(np.float64(x)).sum(1)) for x in (real, fake)]
    expected = np.maximum(0, 1 - evidence[0]).mean() + np.maximum(0, 1 + evidence[1]).mean()
    np.testing.assert_allclose(loss.discriminator(real, fake), expected, rtol=2e-6)
    np.testing.assert_allclose(loss.generator(real, fake), -evidence[1].mean(), rtol=2e-6)


def test_supervised_part_is_the_mean_over_the_labelled(differences):
    logits, labels = draw(6, 3, seed=2), np.array([2, -1, 0, -1, 1, -1])
    value, slope = jax.jit(jax.value_and_grad(losses.supervised))(
        jnp.float32(logits), jnp.asarray(labels)
    )
    np.testing.assert_allclose(value, supervised(logits, labels), rtol=2e-6)
    (numeric,) = differences(lambda x: supervised(x, labels), logits)
    np.testing.assert_allclose(slope, numeric, rtol=1e-4, atol=1e-6)
    nothing = losses.supervised(jnp.float32(logits), jnp.full((6,), -1))
    assert nothing == 0.0


def test_supervised_part_over_shards_with_unequal_numbers_of_labels(on_shards):
    w = jnp.float32(draw(2, 3, seed=3))
    x = jnp.float32(draw(8, 2, seed=4))
    labels = jnp.array([0, 1, -1, -1, 2, -1, -1, 1])

    def fn(w, data):
        return losses.supervised(data[0] @ w, data[1])

    parts = on_shards(fn, w, (x, labels))
    whole = jax.jit(jax.value_and_grad(fn))(w, (x, labels))
    for a, b in zip(parts, whole, strict=True):
        np.testing.assert_allclose(a, b, rtol=2e-5, atol=1e-6)


def test_extreme_logits(dtype):
    up, down = jnp.full((2, 3), 100.0, dtype), jnp.full((2, 3), -100.0, dtype)
    loss = losses.unsupervised()
    derivatives = jax.jit(jax.value_and_grad(loss.discriminator, (0, 1)))
    for real, fake, expected in ((up, down, 0.0), (down, up, 200.0)):
        value, slopes = derivatives(real, fake)
        assert value.dtype == jnp.float32
        np.testing.assert_allclose(value, expected, rtol=1e-5)
        assert all(np.isfinite(np.float32(s)).all() for s in slopes)
    np.testing.assert_allclose(
        losses.supervised(up, jnp.array([0, 2])), np.log(3.0), rtol=1e-5
    )
