"""CoGAN: two games whose networks have layers in common."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from gan_jax import compile_game, losses, prng, tracing, trees
from gan_jax.methods import cogan
from gan_jax.methods.recipe import Augmentation, Recipe
from gan_jax.methods.regularisers import feature_matching
from gan_jax.methods.sides import side_by_side
from gan_jax.methods.two_player import from_recipe
from gan_jax.players import live_params, make_views
from gan_jax.priors import normal
from gan_jax.types import Net

SHAPE, BATCH, RATE = (8, 8, 1), 4, 1e-2
RECIPE = Recipe(
    loss=losses.non_saturating,
    prior=normal(3),
    g_tx=optax.sgd(RATE),
    d_tx=optax.sgd(RATE),
)
TINY = {"image_shape": SHAPE, "form": "faces", "g_width": 2, "d_width": 2}
FIRST, SECOND = (
    jnp.tanh(jax.random.normal(jax.random.key(seed), (BATCH, *SHAPE))) for seed in (1, 2)
)
DATA = {"image": FIRST[None], "second": {"image": SECOND[None]}}


@pytest.fixture(autouse=True)
def accelerator():
    """Native convolutions, which compile faster than the formulations of CPUs."""
    with tracing.platform("gpu"):
        yield


def only(game, phase):
    """The game with one of its phases."""
    return game._replace(phases=tuple(p for p in game.phases if p.name == phase))


def opened(game):
    """Its algorithm, first state and views of it."""
    algorithm = compile_game(game)
    state = algorithm.init(jax.random.key(0))
    return algorithm, state, make_views(game, live_params(state), state, jnp.float32(0.0))


def latents(phase):
    run_key = prng.fold_name(jax.random.key(0), "run")
    key = prng.fold_name(jax.random.fold_in(run_key, 0), phase)
    keys = prng.fold_rows(jax.random.fold_in(key, 0), jnp.arange(BATCH))
    return prng.draw(prng.stream(keys, "latent"), RECIPE.prior)


def softplus(x):
    return np.log1p(np.exp(x))


def sigmoid(x):
    return 1.0 / (1.0 + np.exp(-x))


def logits(views, phase):
    """Of real and of generated examples, float64 (BATCH, 2)."""
    fake = views["generator"](latents(phase))
    judge = views["discriminator"]
    return [np.asarray(judge(x), np.float64) for x in ((FIRST, SECOND), fake)]


@pytest.mark.parametrize("shared", [None, 0])
def test_losses_are_the_sum_of_both_games(shared):
    game = cogan(**TINY, g_shared=shared, d_shared=shared, recipe=RECIPE)
    for phase in ("disc", "gen"):
        algorithm, state, views = opened(only(game, phase))
        _, metrics = jax.jit(algorithm.step)(state, DATA)
        real, fake = logits(views, phase)
        each = softplus(-fake)
        if phase == "disc":
            each = softplus(-real) + softplus(fake)
        expected = each[:, 0].mean() + each[:, 1].mean()
        np.testing.assert_allclose(metrics[f"{phase}/loss"], expected, rtol=1e-5)


def test_shared_layers_move_by_both_domains():
    """The bias of the common logit, whose slope is known."""
    algorithm, state, views = opened(only(cogan(**TINY, recipe=RECIPE), "disc"))
    after, _ = jax.jit(algorithm.step)(state, DATA)
    real, fake = logits(views, "disc")
    slope = (sigmoid(fake) - sigmoid(-real)).mean(0).sum()
    moved = after.players["discriminator"].params["discriminator"]["shared_3"]["bias"]
    np.testing.assert_allclose(moved, [-RATE * slope], rtol=1e-5)


def test_the_trunk_moves_by_the_sum_of_both_slopes():
    game = only(cogan(**TINY, recipe=RECIPE), "gen")
    algorithm, state, views = opened(game)
    after, _ = jax.jit(algorithm.step)(state, DATA)
    z, judge = latents("gen"), views["discriminator"]
    own = state.players["generator"].params

    def fooled(params, domain):
        now = live_params(state) | {"generator": params}
        made = make_views(game, now, state, jnp.float32(0.0))["generator"](z)
        return jax.nn.softplus(-judge(made)[:, domain]).mean()

    slopes = [
        dict(trees.leaves_with_path(jax.jit(jax.grad(fooled), static_argnums=1)(own, d)))
        for d in (0, 1)
    ]
    moved = dict(trees.leaves_with_path(after.players["generator"].params))
    for path, before in trees.leaves_with_path(own):
        step = (before - moved[path]) / RATE
        np.testing.assert_allclose(
            step, slopes[0][path] + slopes[1][path], rtol=2e-3, atol=2e-5, err_msg=path
        )
        # Layers of one domain do not hear of the other, the trunk hears of both.
        heard = [bool(jnp.any(slope[path] != 0.0)) for slope in slopes]
        if "first" in path:
            assert heard == [True, False], path
        elif "second" in path:
            assert heard == [False, True], path
        elif "kernel" in path:
            assert heard == [True, True], path


def alone(net, domain):
    """One domain's net of an untied pair, with parameters of its own alone."""
    name = ("first", "second")[domain]

    def part(tree):
        return {k: v for k, v in tree.items() if k.startswith(name)}

    def parts(params, stats):
        return part(params), {k: part(v) for k, v in stats.items()}

    def init(key):
        return parts(*net.init(key))

    def apply(params, stats, inputs, *, train):
        shapes = jax.eval_shape(net.init, jax.random.key(0))
        zeros = jax.tree.map(lambda x: jnp.zeros(x.shape, x.dtype), shapes)
        whole = {k: zeros[1][k] | v for k, v in stats.items()}
        given = (inputs, inputs) if inputs.ndim == 4 else inputs
        out, new = net.apply(zeros[0] | params, whole, given, train=train)
        chosen = out[domain] if isinstance(out, tuple) else out[:, domain]
        return chosen, {k: part(v) for k, v in new.items()}

    return Net(init, apply)


def test_untied_nets_play_two_games_of_their_own():
    game = cogan(**TINY, g_shared=0, d_shared=0, recipe=RECIPE)
    algorithm, state, _ = opened(game)
    step = jax.jit(algorithm.step)
    after = step(step(state, DATA)[0], DATA)[0]
    for domain, images in enumerate((FIRST, SECOND)):
        nets = {name: alone(net, domain) for name, net in game.nets.items()}
        single = compile_game(from_recipe(nets["generator"], nets["discriminator"], RECIPE))
        own = single.init(jax.random.key(0))
        play = jax.jit(single.step)
        data = {"image": images[None]}
        own = play(play(own, data)[0], data)[0]
        for name, player in own.players.items():
            together = dict(trees.leaves_with_path(after.players[name].params))
            alike = trees.leaves_with_path(player.params)
            assert len(alike) == len(together) // 2
            for path, value in alike:
                np.testing.assert_allclose(
                    together[path], value, rtol=1e-4, atol=1e-6, err_msg=path
                )


def test_real_and_fake_in_one_batch_are_the_same_without_a_norm():
    apart, joint = (
        opened(only(cogan(**TINY, recipe=RECIPE._replace(joint_forward=j)), "disc"))
        for j in (False, True)
    )
    for name in ("loss", "grad_norm", "real_logits", "fake_logits"):
        values = [jax.jit(a.step)(s, DATA)[1][f"disc/{name}"] for a, s, _ in (apart, joint)]
        np.testing.assert_allclose(*values, rtol=1e-4, err_msg=name)


def test_a_sample_shows_both_images_of_a_latent():
    algorithm, state, views = opened(cogan(**TINY, recipe=RECIPE))
    pairs = algorithm.sample(state, jax.random.key(5), 3)
    assert pairs.shape == (3, 8, 16, 1)
    keys = prng.per_example(jax.random.key(5), 3)
    z = prng.draw(prng.stream(keys, "latent"), RECIPE.prior)
    first, second = views["generator"](z, train=False)
    np.testing.assert_allclose(pairs[:, :, :8], first, atol=1e-6)
    np.testing.assert_allclose(pairs[:, :, 8:], second, atol=1e-6)
    np.testing.assert_array_equal(side_by_side(pairs), pairs)


def test_what_has_no_meaning_is_refused():
    augmented = RECIPE._replace(augment=Augmentation(lambda keys, x, y, m, i: (x, y)))
    with pytest.raises(ValueError, match="cogan has no use for augment"):
        cogan(**TINY, recipe=augmented)
    unseen = RECIPE._replace(g_terms={"match": (1.0, feature_matching())})
    with pytest.raises(ValueError, match="term 'match' "):
        cogan(**TINY, recipe=unseen)
    with pytest.raises(ValueError, match="cogan takes no labels"):
        cogan(**TINY, num_classes=3)
    with pytest.raises(ValueError, match="form must be one of digits, faces, got 'cats'"):
        cogan(**TINY | {"form": "cats"})
    with pytest.raises(ValueError, match="28 x 28 images, got 8 x 8"):
        cogan(image_shape=SHAPE)
    algorithm, state, _ = opened(cogan(**TINY, recipe=RECIPE))
    with pytest.raises(ValueError, match="the batch has no 'second'"):
        jax.eval_shape(algorithm.step, state, {"image": FIRST[None]})
