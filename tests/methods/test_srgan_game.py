"""SRGAN: equations 3 to 6, and a stage before the game over the same state."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from gan_jax import compile_game, losses, trees
from gan_jax.config import default_config, set_options
from gan_jax.engine import phase_losses
from gan_jax.errors import UserError
from gan_jax.methods import srgan
from gan_jax.methods.recipe import Recipe
from gan_jax.methods.srgan import _weighed, degraded
from gan_jax.metrics.content import squeezenet_layer
from gan_jax.nn.resize import downscale
from gan_jax.numerics import to_uint8
from gan_jax.players import live_params, make_views
from gan_jax.priors import normal
from gan_jax.registry import build_game
from gan_jax.types import MeanLoss, Net

SHAPE, BATCH, RATE = (16, 16, 3), 4, 1e-2
SGD = optax.sgd(RATE)
RECIPE = Recipe(g_tx=SGD, d_tx=SGD)
TINY = {
    "image_shape": SHAPE,
    "blocks": 1,
    "width": 4,
    "d_width": 2,
    "d_hidden": 4,
    "d_norm": None,
}
REAL = jnp.tanh(jax.random.normal(jax.random.key(1), (BATCH, *SHAPE)))


def _mixed(seed):
    """A frozen net that mixes the colours of its images and squares them."""

    def init(key):
        del key
        return {"mix": jax.random.normal(jax.random.key(seed), (3, 2))}, {}

    def apply(params, stats, images, *, train):
        del train
        return jnp.square(images @ params["mix"]), stats

    return Net(init, apply)


MIXED = _mixed(7)


def begin(**options):
    game = srgan(**{"recipe": RECIPE, **TINY, **options})
    algorithm = compile_game(game)
    return game, algorithm, algorithm.init(jax.random.key(0))


def softplus(x):
    return np.log1p(np.exp(x)).mean()


def seen(game, state):
    """Images that the generator makes, in float64, and logits of both sides."""
    views = make_views(game, live_params(state), state, jnp.float32(0.0))
    fake = views["generator"](degraded(REAL, 4))
    logits = [views["discriminator"](x) for x in (REAL, fake)]
    return [np.asarray(x, np.float64) for x in (fake, *logits)]


def test_small_images_have_values_of_files():
    small = degraded(REAL, 4)
    assert small.shape == (BATCH, 4, 4, 3)
    np.testing.assert_allclose(small, downscale(REAL, 4), atol=1 / 255 + 1e-6)
    levels = (np.asarray(small, np.float64) + 1.0) * 127.5
    np.testing.assert_allclose(levels, levels.round(), atol=1e-4)
    ends = degraded(jnp.where(jnp.arange(16)[None, None, :, None] < 8, -1.0, 1.0), 1)
    np.testing.assert_array_equal(np.unique(ends), [-1.0, 1.0])


def judged(game, state, phase, real=REAL):
    """The losses of a phase and their terms, without moving anybody."""
    (chosen,) = (one for one in game.phases if one.name == phase)
    batch = {"image": real[None]}
    moving = {name: live_params(state)[name] for name in chosen.movers}
    (losses, aux) = jax.jit(phase_losses(game, chosen, state, batch))(moving)
    return losses[chosen.movers[0]], aux.terms


@pytest.mark.parametrize("content", [None, MIXED], ids=["pixels", "features"])
def test_losses(content):
    game, _, state = begin(content=content, adversarial_weight=0.25)
    fake, real_logits, fake_logits = seen(game, state)
    loss, _ = judged(game, state, "disc")
    against = softplus(-real_logits) + softplus(fake_logits)
    np.testing.assert_allclose(loss, against, rtol=1e-4)
    pair = [np.asarray(REAL, np.float64), fake]
    if content is not None:
        mix = np.asarray(content.init(None)[0]["mix"], np.float64)
        pair = [(x @ mix) ** 2 for x in pair]
    error = np.mean((pair[0] - pair[1]) ** 2)
    loss, terms = judged(game, state, "gen")
    fooling = softplus(-fake_logits)
    np.testing.assert_allclose(terms["content"], error, rtol=1e-4)
    np.testing.assert_allclose(terms["adversarial"], 0.25 * fooling, rtol=1e-4)
    np.testing.assert_allclose(loss, error + 0.25 * fooling, rtol=1e-4)


def test_before_the_game_the_generator_is_alone():
    game, algorithm, state = begin(content=MIXED, adversarial=False)
    after, metrics = jax.jit(algorithm.step)(state, {"image": REAL[None]})
    fake, *_ = seen(game, state)
    error = np.mean((np.asarray(REAL, np.float64) - fake) ** 2)
    np.testing.assert_allclose(metrics["pixels/loss"], error, rtol=1e-5)
    assert set(metrics) == {"pixels/loss", "pixels/pixels", "pixels/grad_norm"}
    for name in ("discriminator", "content"):
        for x, y in zip(
            *(jax.tree.leaves(s.players[name]) for s in (state, after)), strict=True
        ):
            np.testing.assert_array_equal(x, y)


def test_both_stages_play_on_one_state():
    """What the first has learnt the second goes on with; the frozen net stays as it is."""
    _, first, state = begin(content=MIXED, adversarial=False)
    _, second, same = begin(content=MIXED)
    assert jax.tree.structure(state) == jax.tree.structure(same)
    data = {"image": REAL[None]}
    state, before = jax.jit(first.step)(state, data)
    after, metrics = jax.jit(second.step)(state, data)
    assert int(after.step) == 2
    assert np.isfinite(before["pixels/loss"])
    assert {"disc/loss", "gen/loss", "gen/content", "gen/adversarial"} <= metrics.keys()
    frozen = after.players["content"]
    np.testing.assert_array_equal(
        frozen.params["content"]["mix"], MIXED.init(None)[0]["mix"]
    )
    assert frozen.opt == ()
    for name in ("generator", "discriminator"):
        old, new = (trees.global_norm(s.players[name].params) for s in (state, after))
        assert abs(float(old - new)) > 1e-6


def test_a_layer_of_squeezenet_is_compared():
    net = squeezenet_layer("conv1")
    game, _, state = begin(image_shape=(20, 20, 3), content=net)
    real = jax.random.uniform(jax.random.key(2), (2, 20, 20, 3), minval=-1.0)
    _, terms = judged(game, state, "gen", real)
    views = make_views(game, live_params(state), state, jnp.float32(0.0))
    fake = views["generator"](degraded(real, 4))
    maps = [np.asarray(views["content"](x), np.float64) for x in (real, fake)]
    error = np.mean((maps[0] - maps[1]) ** 2)
    np.testing.assert_allclose(terms["content"], error, rtol=1e-4)


def test_the_direction_enlarges():
    game, algorithm, state = begin(factor=2)
    way = game.directions["upscale"]
    batch = {"image": to_uint8(REAL)}
    given, truth = way.given(batch), way.truth(batch)
    np.testing.assert_allclose(truth, REAL, atol=1 / 255 + 1e-6)
    np.testing.assert_array_equal(given, degraded(truth, 2))
    assert (given.shape, way.scale) == ((BATCH, 8, 8, 3), 2)
    made = algorithm.translate(state, jax.random.key(3), given, "upscale")
    views = make_views(game, live_params(state), state, jnp.float32(0.0))
    np.testing.assert_allclose(made, views["generator"](given, train=False), atol=1e-5)
    # Of any size, not only of that of training.
    wide = algorithm.translate(state, jax.random.key(3), given[:1, :5], "upscale")
    assert wide.shape == (1, 10, 16, 3)
    with pytest.raises(ValueError, match="no samples of latents: images are made"):
        algorithm.sample(state, jax.random.key(0), 2)


def test_the_kind_of_loss_is_kept():
    """A relativistic loss is still taken over the whole batch."""
    loss = losses.relativistic(losses.hinge)
    game, _, state = begin(recipe=RECIPE._replace(loss=loss), adversarial_weight=0.5)
    _, real, fake = map(jnp.float32, seen(game, state))
    found, _ = judged(game, state, "disc")
    np.testing.assert_allclose(found, loss.discriminator(real, fake), rtol=1e-4)
    _, terms = judged(game, state, "gen")
    expected = 0.5 * loss.generator(real, fake)
    np.testing.assert_allclose(terms["adversarial"], expected, rtol=1e-4)
    assert type(_weighed(losses.hinge, 0.5)) is MeanLoss
    assert type(_weighed(loss, 0.5)) is not MeanLoss


REFUSED = [
    ({"num_classes": 3}, "srgan takes no labels"),
    ({"image_shape": (18, 16, 3)}, "18 x 16 cannot be made smaller by 4"),
    ({"factor": 1}, "16 x 16 cannot be made smaller by 1: choose a factor from 2 on"),
    ({"factor": 5, "image_shape": (20, 20, 3)}, "factor must be 2, 3, 4"),
    ({"recipe": RECIPE._replace(prior=normal(3))}, "no use for prior"),
    ({"recipe": RECIPE._replace(unroll=2)}, "no use for unroll"),
    (
        {"recipe": RECIPE._replace(g_terms={"content": (1.0, lambda *_: 0.0)})},
        "the term 'content' is srgan's own",
    ),
]


@pytest.mark.parametrize(("options", "why"), REFUSED)
def test_what_has_no_meaning_is_refused(options, why):
    with pytest.raises(ValueError, match=why):
        begin(**options)


def test_configs_name_the_content():
    config = default_config()
    config.method = "srgan"
    set_options(config, content="squeezenet11_fire3", width=4, blocks=1)
    assert "content" in build_game(config, (32, 32, 3)).players
    set_options(config, content="pixels", width=4, blocks=1)
    assert "content" not in build_game(config, (32, 32, 3)).players
    set_options(config, content="vgg19", width=4, blocks=1)
    with pytest.raises(UserError, match="no model option content is named 'vgg19'"):
        build_game(config, (32, 32, 3))
