"""Networks of texts, against NumPy in float64 and exact distributions."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gan_jax.networks.text import (
    RecurrentGenerator,
    TextDiscriminator,
    counted,
    gru,
    highway,
    lstm,
)
from gan_jax.nn.adapter import from_linen

LENGTH, TOKENS = 5, 4
TEXTS = jax.ShapeDtypeStruct((2, LENGTH), jnp.int32)


def made(seed=0, scale=4.0, **options):
    """A generator's module and parameters, large enough that tokens matter."""
    module = RecurrentGenerator(LENGTH, TOKENS, embedding=3, hidden=4, **options)
    params, _ = from_linen(module, TEXTS).init(jax.random.key(seed))
    return module, jax.tree.map(lambda leaf: scale * leaf, params)


def ask(module, params, what, *inputs):
    return module.apply({"params": params}, *inputs, method=what)


def sigmoid(x):
    return 1.0 / (1.0 + np.exp(-x))


def softmax(x):
    x = np.exp(x - x.max(axis=-1, keepdims=True))
    return x / x.sum(axis=-1, keepdims=True)


def dense(params, x):
    return x @ params["kernel"] + params.get("bias", 0.0)


def lstm_step(p, state, x):
    c, h = state
    i, f, o, g = (dense(p[f"i{n}"], x) + dense(p[f"h{n}"], h) for n in "ifog")
    c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
    h = sigmoid(o) * np.tanh(c)
    return (c, h), h


def gru_step(p, h, x):
    r, z = (sigmoid(dense(p[f"i{n}"], x) + dense(p[f"h{n}"], h)) for n in "rz")
    n = np.tanh(dense(p["in"], x) + r * dense(p["hn"], h))
    h = (1.0 - z) * n + z * h
    return h, h


def reference(step, start, params, tokens):
    """Logits of every token by those before, in float64."""
    p = jax.tree.map(lambda leaf: np.asarray(leaf, np.float64), params)
    state, logits = start, []
    before = np.pad(tokens[:, :-1], ((0, 0), (1, 0)))
    for t in range(tokens.shape[1]):
        state, h = step(p["recurrent"], state, p["embedding"][before[:, t]])
        logits.append(dense(p["out"], h))
    return np.stack(logits, axis=1)


@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_a_taught_generator_equals_numpy(cell):
    tokens = np.random.default_rng(0).integers(0, TOKENS, (3, LENGTH)).astype(np.int32)
    zeros = np.zeros((3, 4))
    factory, step, start = {
        "lstm": (lstm, lstm_step, (zeros, zeros)), "gru": (gru, gru_step, zeros)
    }[cell]  # fmt: skip
    module, params = made(cell=factory)
    expected = reference(step, start, params, tokens)
    logits = module.apply({"params": params}, jnp.asarray(tokens))
    np.testing.assert_allclose(logits, expected, rtol=1e-4, atol=1e-5)
    terms = np.log(softmax(expected))
    terms = np.take_along_axis(terms, tokens[..., None], axis=-1)[..., 0]
    found = ask(module, params, "log_probs", jnp.asarray(tokens))
    np.testing.assert_allclose(found, terms, rtol=1e-4, atol=1e-5)


def test_what_counts():
    tokens = jnp.asarray([[2, 1, 0, 3, 0], [0, 0, 0, 0, 0], [1, 1, 1, 1, 1]])
    assert counted(tokens).astype(int).tolist() == [
        [1, 1, 1, 0, 0], [1, 0, 0, 0, 0], [1, 1, 1, 1, 1],
    ]  # fmt: skip


def test_texts_are_drawn_from_the_model():
    module, params = made()
    keys = jax.random.split(jax.random.key(1), 20_000)
    draw = jax.jit(lambda p, k, t: ask(module, p, "draw", k, t))
    texts = np.asarray(draw(params, keys, 1.0))
    assert texts.dtype == np.int32
    # Every beginning of two tokens as often as the model says: five standard errors.
    for first in range(1, TOKENS):
        for second in range(TOKENS):
            text = jnp.asarray([[first, second, 0, 0, 0]], jnp.int32)
            p = float(jnp.exp(ask(module, params, "log_probs", text)[0, :2].sum()))
            share = np.mean((texts[:, 0] == first) & (texts[:, 1] == second))
            assert share == pytest.approx(p, abs=5 * np.sqrt(p * (1 - p) / len(keys)))
    ended = np.cumsum(texts == 0, axis=1) > 0
    assert not texts[ended].any()
    # A text is of its key alone.
    np.testing.assert_array_equal(draw(params, keys[7:9], 1.0), texts[7:9])


def test_low_temperatures_give_the_likeliest_tokens():
    module, params = made(seed=3, full=True)
    texts = ask(module, params, "draw", jax.random.split(jax.random.key(1), 4), 1e-5)
    logits = module.apply({"params": params}, texts)
    np.testing.assert_array_equal(texts, logits.argmax(axis=-1))
    assert (np.asarray(texts) == np.asarray(texts)[:1]).all()


def test_full_texts_have_no_end():
    module, params = made(full=True)
    keys = jax.random.split(jax.random.key(0), 500)
    texts = ask(module, params, "draw", keys)
    assert int(texts.min()) == 1
    relaxed = ask(module, params, "relax", keys[:9], 1.0)
    np.testing.assert_array_equal(relaxed[..., 0], 0.0)
    chances = jnp.exp(jax.nn.log_softmax(module.apply({"params": params}, texts)))
    np.testing.assert_allclose(chances[..., 1:].sum(axis=-1), 1.0, rtol=1e-5)


def test_completions_keep_what_is_given():
    module, params = made()
    keys = jax.random.split(jax.random.key(2), 6)
    texts = jnp.asarray([[1, 2, 3, 1, 2]] * 5 + [[3, 0, 0, 0, 0]], jnp.int32)
    given = jnp.asarray([0, 1, 2, 4, 5, 3])
    found = np.asarray(ask(module, params, "complete", texts, given, keys))
    for row, (text, kept) in enumerate(zip(texts.tolist(), given.tolist(), strict=True)):
        assert found[row, :kept].tolist() == text[:kept]
    assert found[5].tolist() == [3, 0, 0, 0, 0]
    drawn = ask(module, params, "draw", keys)
    np.testing.assert_array_equal(found[0], drawn[0])
    # What follows is the model's own, given what stands before.
    keys = jax.random.split(jax.random.key(4), 20_000)
    same = jnp.broadcast_to(texts[:1], (len(keys), LENGTH))
    third = np.asarray(ask(module, params, "complete", same, 2, keys))[:, 2]
    logits = module.apply({"params": params}, texts[:1])[0, 2]
    shares = np.bincount(third, minlength=TOKENS) / len(keys)
    np.testing.assert_allclose(shares, softmax(np.asarray(logits)), atol=0.018)


def test_relaxed_texts():
    module, params = made()
    keys = jax.random.split(jax.random.key(5), 20_000)
    relax = jax.jit(lambda p, t: ask(module, p, "relax", keys, t))
    warm = np.asarray(relax(params, 2.0))
    np.testing.assert_allclose(warm.sum(axis=-1), 1.0, rtol=1e-5)
    # The largest of logits and Gumbel noise is a draw, at any temperature.
    first = jax.nn.softmax(module.apply({"params": params}, jnp.zeros((1, 5), jnp.int32)))
    shares = np.bincount(warm[:, 0].argmax(axis=-1), minlength=TOKENS) / len(keys)
    np.testing.assert_allclose(shares, first[0, 0], atol=0.018)
    cold = np.asarray(relax(params, 1e-4))
    assert np.mean(cold.max(axis=-1) > 0.999) > 0.995
    ended = np.cumsum(cold[..., 0] > 0.999, axis=1) > 0
    np.testing.assert_allclose(cold[ended][:, 0], 1.0, rtol=1e-3)


def test_straight_through_rows_are_one_hot_with_relaxed_gradients():
    module = RecurrentGenerator(1, TOKENS, embedding=3, hidden=4)
    one = jax.ShapeDtypeStruct((2, 1), jnp.int32)
    params, _ = from_linen(module, one).init(jax.random.key(0))
    keys = jax.random.split(jax.random.key(6), 7)
    weights = jnp.asarray(np.random.default_rng(1).normal(size=(7, 1, TOKENS)), "float32")

    def value(params, hard):
        return (weights * ask(module, params, "relax", keys, 0.7, hard)).sum()

    rows = np.asarray(ask(module, params, "relax", keys, 0.7, True))
    np.testing.assert_array_equal(np.sort(rows, axis=-1)[..., -1:], 1.0)
    np.testing.assert_array_equal(np.sort(rows, axis=-1)[..., :-1], 0.0)
    soft, hard = (jax.grad(value)(params, hard) for hard in (False, True))
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-7), soft, hard
    )


def test_the_discriminator_equals_numpy():
    module = TextDiscriminator(TOKENS, ((1, 2), (3, 4)), embedding=3, dropout=0.5)
    tokens = np.random.default_rng(0).integers(0, TOKENS, (6, LENGTH)).astype(np.int32)
    params = module.init(jax.random.key(0), jnp.asarray(tokens))["params"]
    p = jax.tree.map(lambda leaf: np.asarray(leaf, np.float64), params)
    assert np.abs(p["embedding"]).max() <= 1.0
    rows, found = p["embedding"][tokens], []
    for size in (1, 3):
        kernel, bias = p[f"window_{size}"]["kernel"][:, 0], p[f"window_{size}"]["bias"]
        windows = [
            np.einsum("bwe,weo->bo", rows[:, t : t + size], kernel) + bias
            for t in range(LENGTH - size + 1)
        ]
        found.append(np.maximum(np.stack(windows), 0.0).max(axis=0))
    h = np.concatenate(found, axis=-1)
    t = sigmoid(dense(p["highway_gate"], h))
    h = t * np.maximum(dense(p["highway"], h), 0.0) + (1.0 - t) * h
    expected = dense(p["logit"], h)[:, 0]
    logits = module.apply({"params": params}, jnp.asarray(tokens))
    np.testing.assert_allclose(logits, expected, rtol=1e-5, atol=1e-6)
    relaxed = jax.nn.one_hot(tokens, TOKENS)
    np.testing.assert_allclose(
        module.apply({"params": params}, relaxed), expected, rtol=1e-5, atol=1e-6
    )
    keys = jax.random.split(jax.random.key(1), 6)
    dropped = module.apply({"params": params}, jnp.asarray(tokens), keys=keys)
    kept = module.apply({"params": params}, jnp.asarray(tokens[2:3]), keys=keys[2:3])
    assert float(jnp.abs(dropped - logits).max()) > 1e-3
    np.testing.assert_allclose(kept[0], dropped[2], rtol=1e-5, atol=1e-6)


def test_a_highway_that_carries_everything():
    from flax import linen

    class Layer(linen.Module):
        @linen.compact
        def __call__(self, x):
            return highway(x)

    x = jnp.asarray([[1.0, -2.0, 0.5]])
    params = Layer().init(jax.random.key(0), x)["params"]
    closed = jnp.full_like(params["highway_gate"]["bias"], -40.0)
    params["highway_gate"]["bias"] = closed
    np.testing.assert_allclose(Layer().apply({"params": params}, x), x, rtol=1e-6)


@pytest.mark.parametrize("cell", [lstm, gru])
def test_computing_in_bfloat16(cell):
    texts = jnp.asarray([[1, 2, 3, 1, 2], [3, 1, 0, 0, 0]], jnp.int32)
    module, params = made(scale=1.0, cell=cell)
    low = module.clone(dtype=jnp.bfloat16)
    logits = low.apply({"params": params}, texts)
    assert logits.dtype == jnp.float32
    np.testing.assert_allclose(logits, module.apply({"params": params}, texts), atol=0.02)
    keys = jax.random.split(jax.random.key(0), 3)
    rows = ask(low, params, "relax", keys, 1.0)
    assert (rows.shape, rows.dtype) == ((3, LENGTH, TOKENS), jnp.float32)
    np.testing.assert_allclose(rows.sum(axis=-1), 1.0, rtol=1e-5)


def test_judging_in_bfloat16():
    module = TextDiscriminator(TOKENS, ((1, 2), (3, 4)), embedding=3)
    texts = jnp.asarray([[1, 2, 3, 1, 2], [3, 1, 0, 0, 0]], jnp.int32)
    params = module.init(jax.random.key(0), texts)["params"]
    logits = module.clone(dtype=jnp.bfloat16).apply({"params": params}, texts)
    assert logits.dtype == jnp.float32
    np.testing.assert_allclose(logits, module.apply({"params": params}, texts), atol=0.02)
