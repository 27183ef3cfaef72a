"""Generative moment matching, in pixels and in the codes of an autoencoder."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from gan_jax import compile_game, prng
from gan_jax.methods import gmmn, gmmn_ae
from gan_jax.methods.gmmn import half
from gan_jax.methods.growing import restart
from gan_jax.methods.recipe import Recipe
from gan_jax.players import live_params, make_views
from gan_jax.priors import uniform

SHAPE, BATCH = (2, 2, 1), 5
SGD = Recipe(prior=uniform(3), g_tx=optax.sgd(0.1))
REAL = jnp.tanh(jax.random.normal(jax.random.key(1), (BATCH, *SHAPE)))
TINY = {"image_shape": SHAPE, "features": (4,)}
CODED = TINY | {"ae_features": (4,), "code_dim": 2}


def drawn(phase):
    run_key = prng.fold_name(jax.random.key(0), "run")
    key = prng.fold_name(jax.random.fold_in(run_key, 0), phase)
    keys = prng.fold_rows(jax.random.fold_in(key, 0), jnp.arange(BATCH))
    return prng.draw(prng.stream(keys, "latent"), SGD.prior)


def begun(game):
    algorithm = compile_game(game)
    state = algorithm.init(jax.random.key(0))
    views = make_views(game, live_params(state), state, jnp.float32(0.0))
    return algorithm, state, views


def wide(tree):
    return jax.tree.map(lambda leaf: np.asarray(leaf, np.float64), tree)


def discrepancy(x, y, squares):
    """The biased squared discrepancy, pair by pair in float64."""
    rows = [np.asarray(side, np.float64).reshape(len(side), -1) for side in (x, y)]

    def mean(a, b):
        gaps = ((a[:, None] - b[None]) ** 2).sum(-1)
        return sum(np.exp(-gaps / (2 * s)) for s in squares).mean()

    x, y = rows
    return mean(x, x) + mean(y, y) - 2 * mean(x, y)


@pytest.mark.parametrize("root", [False, True])
def test_the_loss_is_the_discrepancy_of_real_and_generated_pixels(root):
    game = gmmn(**TINY, squared_bandwidths=(0.1, 1.0), root=root, recipe=SGD)
    algorithm, state, views = begun(game)
    _, metrics = jax.jit(algorithm.step)(state, {"image": REAL[None]})
    fake = views["generator"](drawn("moments"))
    # Bandwidths are for [0, 1]: twice as wide on [-1, 1].
    expected = discrepancy(REAL, fake, (0.4, 4.0))
    np.testing.assert_allclose(
        metrics["moments/mmd"], np.sqrt(expected) if root else expected, rtol=1e-4
    )


def test_an_autoencoder_first_then_the_moments_of_its_codes():
    first = gmmn_ae(**CODED, stage="autoencoder", dropout=0.0, recipe=SGD)
    then = gmmn_ae(**CODED, squared_bandwidths=(0.1,), root=False, recipe=SGD)
    algorithm, state, views = begun(first)
    _, metrics = jax.jit(algorithm.step)(state, {"image": REAL[None]})
    codes = jax.nn.sigmoid(views["encoder"](REAL, train=False))
    decoder = wide(views["generator"].params["decoder"])
    h = np.maximum(
        np.asarray(codes, np.float64) @ decoder["Dense_0"]["kernel"]
        + decoder["Dense_0"]["bias"],
        0.0,
    )
    again = np.tanh(h @ decoder["Dense_1"]["kernel"] + decoder["Dense_1"]["bias"])
    error = np.square(again - np.asarray(REAL).reshape(BATCH, -1)).mean()
    np.testing.assert_allclose(metrics["autoencoder/reconstruction"], error, rtol=1e-5)

    algorithm, state, views = begun(then)
    after, metrics = jax.jit(algorithm.step)(state, {"image": REAL[None]})
    made = wide(views["generator"].params["codes"])
    z = np.asarray(drawn("moments"), np.float64)
    h = np.maximum(z @ made["Dense_0"]["kernel"] + made["Dense_0"]["bias"], 0.0)
    fake = 1 / (1 + np.exp(-(h @ made["Dense_1"]["kernel"] + made["Dense_1"]["bias"])))
    np.testing.assert_allclose(
        metrics["moments/mmd"], discrepancy(codes, fake, (0.1,)), rtol=1e-4
    )
    for old, new in (
        (state.players["encoder"].params, after.players["encoder"].params),
        (
            state.players["generator"].params["generator"]["decoder"],
            after.players["generator"].params["generator"]["decoder"],
        ),
    ):
        jax.tree.map(np.testing.assert_array_equal, old, new)


def test_the_decoder_stands_still_after_a_restart_and_drifts_without_one():
    games = [gmmn_ae(**CODED, stage=stage) for stage in ("autoencoder", "moments")]
    first, then = (jax.jit(compile_game(game).step) for game in games)
    state = compile_game(games[0]).init(jax.random.key(0))
    state, _ = first(state, {"image": REAL[None]})

    def decoder(state):
        return state.players["generator"].params["generator"]["decoder"]

    restarted, _ = then(restart(state), {"image": REAL[None]})
    jax.tree.map(np.testing.assert_array_equal, decoder(state), decoder(restarted))
    drifted, _ = then(state, {"image": REAL[None]})
    moved = np.abs(
        decoder(state)["Dense_1"]["kernel"] - decoder(drifted)["Dense_1"]["kernel"]
    )
    # One step of Adam by momentum alone: 0.9 / (1 + 0.9) of a bias-corrected step.
    assert 1e-4 < float(moved.max()) < 1e-3


def test_samples_pass_both_halves():
    game = gmmn_ae(**CODED, recipe=SGD)
    algorithm, state, views = begun(game)
    z = drawn("moments")
    whole = views["generator"](z, train=False)
    view = views["generator"]
    net = game.nets["generator"]
    assert algorithm.sample(state, jax.random.key(0), 3).shape == (3, *SHAPE)
    params = state.players["generator"].params["generator"]
    np.testing.assert_array_equal(net.apply(params, view.stats, z, train=False)[0], whole)
    part = half(view, "codes", net)
    assert part.params is view.params["codes"]


def test_what_has_no_meaning_is_refused():
    with pytest.raises(ValueError, match="must be one of autoencoder, moments"):
        gmmn_ae(**CODED, stage="mmd")
    with pytest.raises(ValueError, match="gmmn has no use for d_tx"):
        gmmn(**TINY, recipe=SGD._replace(d_tx=optax.sgd(1.0)))
    with pytest.raises(ValueError, match="takes no labels"):
        gmmn(**TINY, num_classes=10)
