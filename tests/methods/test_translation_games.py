"""Translators: their losses against NumPy, from what their networks give."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gan_jax import compile_game, losses, tracing
from gan_jax.engine import phase_losses
from gan_jax.methods import cyclegan, discogan, pix2pix, stargan
from gan_jax.players import make_views

SIDE, BATCH = 12, 4


@pytest.fixture(autouse=True)
def accelerator():
    """Native convolutions, which compile faster."""
    with tracing.platform("gpu"):
        yield


def images(seed, channels=1, rounds=1):
    shape = (rounds, BATCH, SIDE, SIDE, channels)
    return jax.random.uniform(jax.random.key(seed), shape, minval=-1.0, maxval=1.0)


def opened(game, data, phase=0):
    """State, views, the losses of a phase, and what else it gives."""
    state = compile_game(game).init(jax.random.key(0))
    one = game.phases[phase]
    found = phase_losses(game, one, state, data)
    movers = {name: state.players[name].params for name in one.movers}
    values, aux = jax.jit(found)(movers)
    players = {name: player.params for name, player in state.players.items()}
    views = make_views(game, players, state, jnp.zeros((), jnp.float32))
    return state, views, values, aux


def numbers(x):
    return np.asarray(x, np.float64)


def test_cyclegan_by_hand():
    game = cyclegan(
        image_shape=(SIDE, SIDE, 1), width=3, blocks=1, d_width=4, d_layers=1, pool=0
    )
    x, y = images(1), images(2)
    _, views, values, aux = opened(game, {"image": x, "second": {"image": y}})
    x, y = x[0], y[0]
    into_first, into_second = views["generator_first"], views["generator_second"]
    fake_y, fake_x = into_second(x), into_first(y)
    adversarial, judged = 0.0, 0.0
    for real, fake, net in (
        (x, fake_x, "discriminator_first"),
        (y, fake_y, "discriminator_second"),
    ):
        seen, seen_fake = numbers(views[net](real)), numbers(views[net](fake))
        assert seen.shape == (BATCH, 4, 4)  # 12 pixels, halved, less one twice
        adversarial += 0.5 * np.mean((seen_fake - 1.0) ** 2)
        judged += 0.5 * (np.mean((seen - 1.0) ** 2) + np.mean(seen_fake**2))
    cycle = np.abs(numbers(into_first(fake_y)) - numbers(x)).mean()
    cycle += np.abs(numbers(into_second(fake_x)) - numbers(y)).mean()
    same = np.abs(numbers(into_first(x)) - numbers(x)).mean()
    same += np.abs(numbers(into_second(y)) - numbers(y)).mean()
    total = 2.0 * adversarial + 10.0 * cycle + 5.0 * same
    np.testing.assert_allclose(values["generator"], total, rtol=1e-5)
    np.testing.assert_allclose(values["discriminator"], judged, rtol=1e-5)
    np.testing.assert_allclose(aux.terms["identity"], same, rtol=1e-5)


def test_cyclegan_without_identity_may_have_any_weight_of_cycles():
    options = {"width": 3, "blocks": 1, "d_width": 4, "d_layers": 1, "pool": 0}
    game = cyclegan(image_shape=(SIDE, SIDE, 1), identity=0.0, cycle=3.0, **options)
    _, _, values, aux = opened(game, {"image": images(1), "second": {"image": images(2)}})
    assert set(aux.terms) == {"adversarial", "cycle"}
    expected = 2.0 * aux.terms["adversarial"] + 3.0 * aux.terms["cycle"]
    np.testing.assert_allclose(values["generator"], expected, rtol=1e-6)


def test_cyclegans_discriminators_see_the_pool():
    game = cyclegan(
        image_shape=(SIDE, SIDE, 1), width=3, blocks=1, d_width=4, d_layers=1, pool=BATCH
    )
    data = {"image": images(1), "second": {"image": images(2)}}
    algorithm = compile_game(game)
    state = algorithm.init(jax.random.key(0))
    after, _ = jax.jit(algorithm.step)(state, data)
    pool = after.memory["pool_second"]
    assert int(pool.filled) == BATCH
    made = algorithm.translate(state, jax.random.key(0), data["image"][0], "second")
    np.testing.assert_allclose(pool.images, made, atol=1e-5)
    # From now on half of what is shown is from there: another loss than without a pool.
    full = after.replace(players=state.players)
    movers = {name: player.params for name, player in full.players.items()}
    found = phase_losses(game, game.phases[0], full, data)
    old = full.replace(
        memory={k: v._replace(images=-v.images) for k, v in full.memory.items()}
    )
    other = phase_losses(game, game.phases[0], old, data)
    ours, theirs = jax.jit(found)(movers)[0], jax.jit(other)(movers)[0]
    np.testing.assert_allclose(ours["generator"], theirs["generator"], rtol=1e-6)
    assert abs(float(ours["discriminator"] - theirs["discriminator"])) > 1e-6


@pytest.mark.parametrize(("seen", "rate"), [(0.0, 0.1), (500.0, 0.6)])
def test_discogan_by_hand(seen, rate):
    game = discogan(
        image_shape=(SIDE, SIDE, 1), width=3, levels=1, reconstruction=0.6,
        early_reconstruction=0.1, curriculum=500, matching=0.7,
    )  # fmt: skip
    x, y = images(1, rounds=2), images(2, rounds=2)
    algorithm = compile_game(game)
    state = algorithm.init(jax.random.key(0))
    state = state.replace(step=jnp.int32(seen / BATCH))
    phase = game.phases[1]
    assert (phase.name, phase.repeat) == ("gen", 2)
    found = phase_losses(game, phase, state, {"image": x, "second": {"image": y}})
    values, aux = jax.jit(found)({"generator": state.players["generator"].params})
    players = {name: player.params for name, player in state.players.items()}
    views = make_views(game, players, state, jnp.zeros((), jnp.float32))
    x, y = x[0], y[0]
    fake_y, fake_x = views["generator_second"](x), views["generator_first"](y)
    again = np.mean((numbers(views["generator_first"](fake_y)) - numbers(x)) ** 2)
    again += np.mean((numbers(views["generator_second"](fake_x)) - numbers(y)) ** 2)
    fooling, matching = 0.0, 0.0
    for real, fake, net in (
        (x, fake_x, "discriminator_first"),
        (y, fake_y, "discriminator_second"),
    ):
        true, made = views[net](real), views[net](fake)
        fooling += np.log1p(np.exp(-numbers(made.logits))).mean()
        for one, other in zip(true.features, made.features, strict=True):
            gap = numbers(one).mean(axis=0) - numbers(other).mean(axis=0)
            matching += np.mean(gap**2)
    adversarial = 0.3 * fooling + 0.7 * matching
    expected = (1.0 - rate) * adversarial + rate * again / 4.0
    np.testing.assert_allclose(values["generator"], expected, rtol=1e-4)
    np.testing.assert_allclose(aux.terms["matching"], matching, rtol=1e-4)


def test_pix2pix_by_hand():
    game = pix2pix(
        image_shape=(SIDE, SIDE, 3), given_channels=1, levels=2, width=3, dropout=0.0,
        d_width=4, d_layers=1,
    )  # fmt: skip
    pairs = images(1, channels=3)
    _, views, values, _ = opened(game, {"image": pairs}, phase=1)
    x, y = pairs[0, ..., :1], pairs[0, ..., 1:]
    fake = views["generator"](x)
    assert fake.shape == y.shape
    seen = numbers(views["discriminator"]((fake, x)))
    fooling = np.log1p(np.exp(-seen)).mean()
    distance = np.abs(numbers(fake) - numbers(y)).mean()
    np.testing.assert_allclose(values["generator"], fooling + 100.0 * distance, rtol=1e-5)
    # Of one image of all channels the discriminator thinks the same as of two.
    joined = views["discriminator"](jnp.concatenate([fake, x], axis=-1))
    np.testing.assert_allclose(joined, seen, rtol=1e-5, atol=1e-6)


def test_pix2pix_draws_dropout_of_each_image():
    game = pix2pix(
        image_shape=(32, 32, 2), levels=5, width=1, d_width=4, d_layers=1, dropout=0.5
    )
    algorithm = compile_game(game)
    state = algorithm.init(jax.random.key(0))
    x = jnp.broadcast_to(
        jax.random.uniform(jax.random.key(1), (1, 32, 32, 1)), (3, 32, 32, 1)
    )
    translate = jax.jit(algorithm.translate, static_argnums=3)
    made = translate(state, jax.random.key(2), x, "second")
    again = translate(state, jax.random.key(2), x, "second")
    np.testing.assert_array_equal(made, again)
    assert float(jnp.abs(made[0] - made[1]).max()) > 1e-4


@pytest.mark.parametrize("identity", [0.0, 5.0])
def test_stargan_by_hand(identity):
    game = stargan(
        image_shape=(SIDE, SIDE, 1), num_classes=3, width=4, blocks=1, d_width=4,
        d_layers=2, identity=identity,
    )  # fmt: skip
    data = {"image": images(1, rounds=5), "label": jnp.zeros((5, BATCH), jnp.int32) + 2}
    _, views, values, aux = opened(game, data, phase=1)
    x, label = data["image"][0], data["label"][0]
    # One choice of domains, and no other, gives the loss.
    found = [
        combination
        for combination in np.ndindex(*(3,) * BATCH)
        if np.isclose(
            _stargan_total(views, x, label, np.array(combination), identity),
            values["generator"],
            rtol=1e-5,
        )
    ]
    assert len(found) == 1, found
    assert float(aux.terms["reconstruction"]) > 0.0
    assert ("identity" in aux.terms) == (identity > 0.0)


def _stargan_total(views, x, label, asked, identity):
    asked = jnp.asarray(asked, jnp.int32)
    fake = views["generator"](x, asked)
    again = views["generator"](fake, label)
    seen = views["discriminator"](fake)
    logits = numbers(seen.classes)
    log_p = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
    named = -log_p[np.arange(BATCH), np.asarray(asked)].mean()
    back = np.abs(numbers(again) - numbers(x)).mean()
    same = np.abs(numbers(views["generator"](x, label)) - numbers(x)).mean()
    return -numbers(seen.logits).mean() + named + 10.0 * back + identity * same


@pytest.mark.parametrize(
    ("build", "options", "message"),
    [
        (cyclegan, {"num_classes": 3}, "cyclegan takes no labels"),
        (discogan, {"num_classes": 3}, "discogan takes no labels"),
        (pix2pix, {"image_shape": (8, 8, 3)}, "no pairs whose first has 1"),
        (pix2pix, {"given_channels": 2, "image_shape": (8, 8, 2)}, "no pairs"),
        (stargan, {}, "of several domains"),
        (stargan, {"num_classes": 1}, "of several domains"),
    ],
)
def test_what_does_not_fit_is_refused(build, options, message):
    with pytest.raises(ValueError, match=message):
        build(**{"image_shape": (8, 8, 2), **options})


def test_a_batch_without_a_second_domain_is_refused():
    game = cyclegan(
        image_shape=(SIDE, SIDE, 1), width=3, blocks=1, d_width=4, d_layers=1, pool=0
    )
    with pytest.raises(ValueError, match=r"set data\.second"):
        opened(game, {"image": images(1)})


def test_losses_that_couple_logits_are_refused():
    recipe = cyclegan.__kwdefaults__["recipe"]
    coupled = recipe._replace(loss=losses.relativistic(losses.non_saturating))
    with pytest.raises(ValueError, match="a loss of each logit by itself"):
        cyclegan(image_shape=(SIDE, SIDE, 1), recipe=coupled)
