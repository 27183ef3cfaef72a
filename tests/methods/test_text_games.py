"""SeqGAN and the Gumbel-softmax GAN: rewards, losses and stages against closed forms."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from gan_jax import compile_game, losses, prng
from gan_jax.game import Ema
from gan_jax.methods import Recipe, gumbel_gan, seqgan
from gan_jax.methods.gumbel_gan import annealed
from gan_jax.methods.seqgan import action_values
from gan_jax.methods.texts import WINDOWS, asked, with_temperature
from gan_jax.networks.text import counted
from gan_jax.sampler import views_of

SIZES = {"embedding": 3, "hidden": 4, "d_embedding": 3, "windows": ((1, 3), (2, 3))}


def views(game, seed=0, scale=4.0):
    """The nets of a game with parameters large enough that tokens matter."""
    state = compile_game(game).init(jax.random.key(seed))
    players = {
        name: player.replace(params=jax.tree.map(lambda x: scale * x, player.params))
        for name, player in state.players.items()
    }
    return views_of(game, state.replace(players=players))


def test_rewards_are_the_mean_probability_of_all_that_may_follow():
    seen = views(seqgan(image_shape=(2, 4), recipe=Recipe(), **SIZES))
    policy, judge = seen["generator"], seen["discriminator"]
    tokens = jnp.asarray([[2, 1], [3, 0], [0, 0]], jnp.int32)
    keys = jax.random.split(jax.random.key(1), 3)
    found = jax.jit(lambda k: action_values(policy, judge, tokens, k, 4000))(keys)
    for row, text in enumerate(np.asarray(tokens)):
        following = range(4) if text[0] else (0,)
        whole = jnp.asarray([[text[0], y] for y in following], jnp.int32)
        chances = jnp.exp(asked(policy, "log_probs", whole)[:, 1]) if text[0] else 1.0
        real = jax.nn.sigmoid(judge(whole, train=False))
        expected = float((chances * real).sum())
        spread = float(jnp.sqrt((chances * (real - expected) ** 2).sum()))
        assert float(found[row, 0]) == pytest.approx(
            expected, abs=5 * spread / np.sqrt(4000) + 5e-5
        )
    last = jax.nn.sigmoid(judge(tokens, train=False))
    np.testing.assert_allclose(found[:, 1], last, rtol=1e-6)


def test_roll_outs_belong_to_the_example():
    seen = views(seqgan(image_shape=(4, 4), recipe=Recipe(), **SIZES))
    keys = jax.random.split(jax.random.key(1), 6)
    tokens = asked(seen["generator"], "draw", keys)
    nets = seen["generator"], seen["discriminator"]
    whole = action_values(*nets, tokens, keys, 2)
    part = action_values(*nets, tokens[2:4], keys[2:4], 2)
    np.testing.assert_allclose(part, whole[2:4], rtol=1e-5)


@pytest.mark.parametrize("baseline", [False, True])
def test_the_generators_loss(baseline):
    game = seqgan(
        image_shape=(4, 4), rollouts=3, baseline=baseline, recipe=Recipe(), **SIZES
    )
    seen, keys = views(game), jax.random.split(jax.random.key(2), 8)
    found, aux = game.phases[0].objective(seen, {}, keys, {})
    tokens = asked(seen["generator"], "draw", prng.stream(keys, "draw"))
    values = action_values(seen["generator"], seen["discriminator"], tokens, keys, 3)
    q, mask = np.asarray(values, np.float64), np.asarray(counted(tokens))
    terms = np.asarray(asked(seen["generator"], "log_probs", tokens), np.float64)
    if baseline:
        q = q - (q * mask).sum(axis=0) / np.maximum(mask.sum(axis=0), 1)
    expected = -(terms * q * mask).sum(axis=1).mean()
    np.testing.assert_allclose(found["generator"], expected, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(aux.metrics["length"], mask.sum(axis=1).mean(), rtol=1e-6)
    np.testing.assert_allclose(aux.metrics["reward"], values[:, -1].mean(), rtol=1e-6)


def test_the_discriminators_loss():
    game = seqgan(image_shape=(4, 4), dropout=0.0, l2=0.3, recipe=Recipe(), **SIZES)
    seen, keys = views(game), jax.random.split(jax.random.key(2), 8)
    real = jnp.asarray(np.random.default_rng(0).integers(0, 4, (8, 4)), jnp.int32)
    found, _ = game.phases[1].objective(seen, {"image": real}, keys, {})
    fake = asked(seen["generator"], "draw", prng.stream(keys, "draw"))
    logits = [np.asarray(seen["discriminator"](x), np.float64) for x in (real, fake)]
    last = seen["discriminator"].params["logit"]
    size = sum(float((np.asarray(leaf, np.float64) ** 2).sum()) for leaf in last.values())
    expected = np.log1p(np.exp(-logits[0])).mean() + np.log1p(np.exp(logits[1])).mean()
    np.testing.assert_allclose(found["discriminator"], expected + 0.3 * size, rtol=1e-5)


def test_maximum_likelihood_learns_a_text():
    recipe = Recipe(g_tx=optax.adam(0.05))
    game = seqgan(image_shape=(4, 4), stage="likelihood", recipe=recipe, **SIZES)
    algorithm = compile_game(game)
    texts = jnp.tile(jnp.asarray([[[2, 1, 0, 0], [3, 0, 0, 0]]], jnp.int32), (1, 8, 1))

    def body(state, _):
        state, metrics = algorithm.step(state, {"image": texts})
        return state, metrics["likelihood/nll"]

    state, nll = jax.jit(lambda s: jax.lax.scan(body, s, length=150))(
        algorithm.init(jax.random.key(0))
    )
    # Two texts, one bit between them.
    np.testing.assert_allclose(nll[-1], np.log(2.0), atol=0.03)
    drawn = {tuple(row) for row in algorithm.sample(state, jax.random.key(1), 40).tolist()}
    assert drawn == {(2, 1, 0, 0), (3, 0, 0, 0)}


def test_ends_and_what_follows_them_do_not_count():
    game = seqgan(image_shape=(4, 4), stage="likelihood", recipe=Recipe(), **SIZES)
    seen, keys = views(game), jax.random.split(jax.random.key(0), 2)
    real = jnp.asarray([[2, 0, 0, 0], [1, 2, 3, 1]], jnp.int32)
    found, aux = game.phases[0].objective(seen, {"image": real}, keys, {})
    terms = np.asarray(asked(seen["generator"], "log_probs", real), np.float64)
    total = -(terms[0, :2].sum() + terms[1].sum()) / 2
    np.testing.assert_allclose(found["generator"], total / 4, rtol=1e-5)
    np.testing.assert_allclose(aux.terms["nll"], total, rtol=1e-5)


def test_who_moves_in_which_stage():
    movers = {
        stage: [phase.movers for phase in seqgan(image_shape=(20, 4), stage=stage).phases]
        for stage in ("likelihood", "discriminator", "adversarial")
    }
    g, d = ("generator",), ("discriminator",)
    assert movers == {"likelihood": [g], "discriminator": [d], "adversarial": [g, d]}
    copy = seqgan(image_shape=(20, 4)).players["generator"].ema
    assert 0.5 ** (64.0 / copy.half_life) == pytest.approx(0.8)


def test_windows_fit():
    judge = seqgan(image_shape=(6, 4)).nets["discriminator"]
    params, _ = jax.eval_shape(judge.init, jax.random.key(0))
    fitting = {f"window_{size}" for size, _ in WINDOWS if size <= 6}
    assert {name for name in params if name.startswith("window")} == fitting
    with pytest.raises(ValueError, match="do not fit texts of 4 tokens"):
        seqgan(image_shape=(4, 4), windows=((5, 3),))


@pytest.mark.parametrize("method", [seqgan, gumbel_gan])
def test_what_is_refused(method):
    for shape in ((8, 8, 1), (2,), (4, 1)):
        with pytest.raises(ValueError, match=r"makes texts, of image_shape \(length, tok"):
            method(image_shape=shape)
    with pytest.raises(ValueError, match="stage must be one of likelihood, "):
        method(image_shape=(4, 4), stage="mle")
    with pytest.raises(ValueError, match="no use for joint_forward"):
        method(image_shape=(4, 4), recipe=Recipe(joint_forward=True))
    with pytest.raises(ValueError, match="takes no labels"):
        method(image_shape=(4, 4), num_classes=3)


def test_numbers_that_are_refused():
    with pytest.raises(ValueError, match="rollouts must be positive, got 0"):
        seqgan(image_shape=(4, 4), rollouts=0)
    for options in ({"temperatures": (1.0, 0.0)}, {"annealing": (5.0, 5.0)}):
        with pytest.raises(ValueError, match="temperatures must be positive and annealing"):
            gumbel_gan(image_shape=(4, 4), **options)


def test_the_temperature_falls_in_a_straight_line():
    seen = jnp.asarray([0.0, 100.0, 150.0, 200.0, 900.0])
    found = annealed(seen, (5.0, 1.0), (100.0, 200.0))
    np.testing.assert_allclose(found, [5.0, 5.0, 3.0, 1.0, 1.0])


@pytest.mark.parametrize("straight_through", [False, True])
def test_losses_of_the_gumbel_game(straight_through):
    game = gumbel_gan(
        image_shape=(4, 4),
        dropout=0.0,
        temperatures=(2.0, 1.0),
        straight_through=straight_through,
        recipe=Recipe(loss=losses.least_squares),
        **SIZES,
    )
    seen, keys = views(game), jax.random.split(jax.random.key(2), 8)
    batch = {"image": jnp.ones((8, 4), jnp.int32)}
    judging, fooling = (phase.objective for phase in game.phases)
    fake = asked(
        seen["generator"], "relax", prng.stream(keys, "draw"), 2.0, straight_through
    )
    real, made = (
        np.asarray(seen["discriminator"](x), np.float64) for x in (batch["image"], fake)
    )
    found, _ = judging(seen, batch, keys, {})
    expected = 0.5 * ((real - 1.0) ** 2).mean() + 0.5 * (made**2).mean()
    np.testing.assert_allclose(found["discriminator"], expected, rtol=1e-5)
    found, aux = fooling(seen, batch, keys, {})
    np.testing.assert_allclose(
        found["generator"], 0.5 * ((made - 1) ** 2).mean(), rtol=1e-5
    )
    assert float(aux.metrics["temperature"]) == 2.0


def test_samples_are_of_the_generator_or_its_average():
    keys = jax.random.split(jax.random.key(0), 30)
    for method, averaged in ((seqgan, False), (gumbel_gan, True)):
        game = method(image_shape=(4, 4), recipe=Recipe(g_ema=Ema(50.0)), **SIZES)
        seen = views(game)  # Averages are as the players were before they grew.
        net = seen.averaged("generator") if averaged else seen["generator"]
        other = seen["generator"] if averaged else seen.averaged("generator")
        found = game.sample(seen, keys, None)
        np.testing.assert_array_equal(found, asked(net, "draw", keys))
        assert (np.asarray(found) != np.asarray(asked(other, "draw", keys))).any()


def test_labels_are_refused():
    game = seqgan(image_shape=(4, 4), recipe=Recipe(), **SIZES)
    with pytest.raises(ValueError, match="labels were given to an unconditional model"):
        game.sample(views(game), jax.random.split(jax.random.key(0), 2), 1)


def test_samples_of_another_temperature():
    game = seqgan(image_shape=(4, 4), recipe=Recipe(), **SIZES)
    seen, keys = views(game), jax.random.split(jax.random.key(0), 30)
    found = with_temperature(game, 0.5).sample(seen, keys, None)
    np.testing.assert_array_equal(found, asked(seen["generator"], "draw", keys, 0.5))
    with pytest.raises(ValueError, match=r"must be positive, got 0\.0"):
        with_temperature(game, 0.0)
