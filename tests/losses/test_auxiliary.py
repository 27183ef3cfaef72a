"""Class losses against float64 references, over shards, at extreme heads."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gan_jax import losses
from gan_jax.losses import Embedded, TwinHeads

CLASSES = 4
REAL_Y, FAKE_Y = np.array([0, 3, 1, 1, 2, 0]), np.array([2, 0, 0, 3, 2, 2])
LABELS = jnp.asarray(REAL_Y), jnp.asarray(FAKE_Y)


def nll(logits, labels):
    odds = np.exp(logits)
    return -np.log(odds[np.arange(len(labels)), labels] / odds.sum(1)).mean()


def crammer_singer(logits, labels):
    total = 0.0
    for row, y in zip(logits, labels, strict=True):
        total += max(0.0, 1.0 + np.delete(row, y).max() - row[y])
    return total / len(labels)


def unit(x):
    return x / np.sqrt((x**2).sum(1, keepdims=True))


def contrastive(heads, labels, temperature=1.0):
    e, p = unit(heads[0]), unit(heads[1])
    total = 0.0
    for i, y in enumerate(labels):
        own = np.exp(e[i] @ p[i] / temperature)
        others = {k: np.exp(e[i] @ e[k] / temperature) for k in range(len(e)) if k != i}
        same = sum(v for k, v in others.items() if labels[k] == y)
        total -= np.log((own + same) / (own + sum(others.values())))
    return total / len(e)


def data_to_data(heads, labels, temperature=0.5, margin=0.98):
    e, p = unit(heads[0]), unit(heads[1])
    total = 0.0
    for i, y in enumerate(labels):
        own = np.exp(min(e[i] @ p[i] - margin, 0.0) / temperature)
        far = [e[i] @ e[k] for k in range(len(e)) if labels[k] != y]
        wrong = sum(np.exp(max(s - (1 - margin), 0.0) / temperature) for s in far)
        total -= np.log(own / (own + wrong))
    return total / len(e)


# name: (loss, widths of the heads, discriminator, generator), heads as lists of arrays.
CASES = {
    "acgan": (
        losses.acgan(),
        (CLASSES,),
        lambda r, f: nll(r[0], REAL_Y) + nll(f[0], FAKE_Y),
        lambda f: nll(f[0], FAKE_Y),
    ),
    "acgan_real": (
        losses.acgan(on_fakes=False),
        (CLASSES,),
        lambda r, f: nll(r[0], REAL_Y),
        lambda f: nll(f[0], FAKE_Y),
    ),
    "tac": (
        losses.tac(),
        (CLASSES, CLASSES),
        lambda r, f: nll(r[0], REAL_Y) + nll(f[1], FAKE_Y),
        lambda f: nll(f[0], FAKE_Y) - nll(f[1], FAKE_Y),
    ),
    "adc": (
        losses.adc(),
        (2 * CLASSES,),
        lambda r, f: nll(r[0], 2 * REAL_Y) + nll(f[0], 2 * FAKE_Y + 1),
        lambda f: nll(f[0], 2 * FAKE_Y) - nll(f[0], 2 * FAKE_Y + 1),
    ),
    "multi_hinge": (
        losses.multi_hinge(),
        (CLASSES + 1,),
        lambda r, f: (
            crammer_singer(r[0], REAL_Y) + crammer_singer(f[0], np.full(6, CLASSES))
        ),
        lambda f: crammer_singer(f[0], FAKE_Y),
    ),
    "two_c": (
        losses.two_c(temperature=0.7),
        (5, 5),
        lambda r, f: contrastive(r, REAL_Y, 0.7),
        lambda f: contrastive(f, FAKE_Y, 0.7),
    ),
    "d2d_ce": (
        losses.d2d_ce(temperature=0.4, margin=0.8),
        (5, 5),
        lambda r, f: data_to_data(r, REAL_Y, 0.4, 0.8),
        lambda f: data_to_data(f, FAKE_Y, 0.4, 0.8),
    ),
}
KINDS = {"tac": TwinHeads, "two_c": Embedded, "d2d_ce": Embedded}


def heads_of(name, arrays):
    arrays = [jnp.asarray(a) for a in arrays]
    return KINDS[name](*arrays) if name in KINDS else arrays[0]


def draw(name, seed):
    rng = np.random.default_rng(seed)
    return [rng.standard_normal((6, width)) for width in CASES[name][1]]


def in_float32(name, arrays):
    return heads_of(name, [np.float32(a) for a in arrays])


@pytest.mark.parametrize("name", CASES)
def test_values_and_slopes_agree_with_float64(name, differences):
    loss, widths, discriminator, generator = CASES[name]
    real, fake = draw(name, 1), draw(name, 2)

    @jax.jit
    def derivatives(real, fake):
        d = jax.value_and_grad(loss.discriminator, (0, 1))(real, fake, *LABELS)
        return d, jax.value_and_grad(loss.generator)(fake, LABELS[1])

    for_d, for_g = derivatives(in_float32(name, real), in_float32(name, fake))
    assert for_d[0].dtype == for_g[0].dtype == jnp.float32
    np.testing.assert_allclose(for_d[0], discriminator(real, fake), rtol=3e-6)
    np.testing.assert_allclose(for_g[0], generator(fake), rtol=5e-6, atol=1e-6)
    n = len(widths)
    numeric = differences(lambda *a: discriminator(a[:n], a[n:]), *real, *fake)
    numeric += differences(lambda *a: generator(a), *fake)
    slopes = jax.tree.leaves((for_d[1], for_g[1]))
    for slope, expected in zip(slopes, numeric, strict=True):
        np.testing.assert_allclose(slope, expected, rtol=1e-4, atol=2e-6)


@pytest.mark.parametrize("name", CASES)
def test_order_of_examples(name):
    loss, order = CASES[name][0], np.array([5, 2, 0, 1, 4, 3])
    real, fake = in_float32(name, draw(name, 1)), in_float32(name, draw(name, 2))
    moved = jax.tree.map(lambda x: x[order], (real, fake, *LABELS))
    discriminator = jax.jit(loss.discriminator)
    value = discriminator(real, fake, *LABELS)
    np.testing.assert_allclose(discriminator(*moved), value, rtol=1e-5)


@pytest.mark.parametrize("name", CASES)
def test_shards_give_the_gradient_of_the_whole_batch(name, on_shards):
    loss, widths, *_ = CASES[name]
    rng = np.random.default_rng(3)
    params = [jnp.float32(rng.standard_normal((3, w))) for w in widths]
    x = jnp.float32(rng.standard_normal((8, 3)))
    labels = jnp.asarray([0, 1, 1, 3, 2, 0, 1, 2])

    def fn(params, data):
        x, y = data
        heads = heads_of(name, [x @ w for w in params])
        return loss.discriminator(heads, heads, y, y) + 0.5 * loss.generator(heads, y)

    whole = jax.jit(jax.value_and_grad(fn))(params, (x, labels))
    parts = on_shards(fn, params, (x, labels))
    for a, b in zip(jax.tree.leaves(parts), jax.tree.leaves(whole), strict=True):
        np.testing.assert_allclose(a, b, rtol=2e-5, atol=2e-6)


@pytest.mark.parametrize("name", CASES)
def test_extreme_heads_are_finite(name, dtype):
    loss, widths, *_ = CASES[name]
    rng = np.random.default_rng(4)
    heads = heads_of(
        name, [jnp.array(100.0 * rng.choice([-1.0, 1.0], (6, w)), dtype) for w in widths]
    )

    @jax.jit
    def slopes(heads):
        def both(heads):
            total = loss.discriminator(heads, heads, *LABELS)
            return total + loss.generator(heads, LABELS[1])

        return jax.jit(jax.value_and_grad(both))(heads)

    value, gradient = slopes(heads)
    assert np.isfinite(value)
    for leaf in jax.tree.leaves(gradient):
        assert leaf.dtype == dtype
        assert np.isfinite(np.float32(leaf)).all()


def test_values_of_known_logits():
    y = jnp.array([1])
    # Uniform over K = 4 classes; over 2 K; both of TAC's heads.
    flat = jnp.zeros((1, 4), jnp.float32)
    np.testing.assert_allclose(
        losses.acgan().discriminator(flat, flat, y, y), 2 * np.log(4), rtol=1e-6
    )
    wide = jnp.zeros((1, 8), jnp.float32)
    adc = losses.adc()
    np.testing.assert_allclose(
        adc.discriminator(wide, wide, y, y), 2 * np.log(8), rtol=1e-6
    )
    assert adc.generator(wide, y) == 0.0
    # The column of (1, real) is 2, that of (1, generated) 3.
    sure = jnp.zeros((1, 8), jnp.float32).at[0, 2].set(7.0)
    np.testing.assert_allclose(adc.generator(sure, y), -7.0, rtol=1e-6)
    # The margin of the hinge is met, or missed by 1 + 2.
    scores = jnp.float32([[0.0, 1.0, -1.0]])
    hinge = losses.multi_hinge()
    assert hinge.generator(scores, y) == 0.0
    assert hinge.generator(scores, jnp.array([2])) == 3.0


def test_examples_that_are_as_they_should_be_are_left_alone():
    # Near their proxies, orthogonal to the other class: the smallest value, no slope.
    e = jnp.float32(np.repeat(np.eye(2), 2, axis=0))
    y = jnp.array([0, 0, 1, 1])
    loss = losses.d2d_ce()
    value, slope = jax.jit(jax.value_and_grad(loss.generator))(
        Embedded(3.0 * e, 0.5 * e), y
    )
    np.testing.assert_allclose(value, np.log(3.0), rtol=1e-6)
    for leaf in slope:
        np.testing.assert_allclose(leaf, 0.0, atol=1e-7)


@pytest.mark.parametrize("name", ["two_c", "d2d_ce"])
def test_embeddings_count_by_their_angles_only(name):
    generator = jax.jit(jax.value_and_grad(CASES[name][0].generator))
    heads = in_float32(name, draw(name, 5))
    scaled = Embedded(3.0 * heads.embeddings, 0.01 * heads.proxies)
    values = [generator(h, LABELS[1])[0] for h in (heads, scaled)]
    np.testing.assert_allclose(*values, rtol=1e-5)
    zeros = jax.tree.map(jnp.zeros_like, heads)
    for leaf in generator(zeros, LABELS[1])[1]:
        np.testing.assert_array_equal(leaf, np.zeros_like(leaf))


def test_bad_temperatures_are_refused():
    for factory in (losses.two_c, losses.d2d_ce):
        with pytest.raises(ValueError, match=r"must be positive, got 0\.0"):
            factory(temperature=0.0)
