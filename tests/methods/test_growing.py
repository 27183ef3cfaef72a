"""Growing: when stages come, what each sees, and runs that go through them."""

from __future__ import annotations

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from gan_jax import compile_game, registry, tracing, trees
from gan_jax.config import default_config, set_ema, set_optimizer, set_options, shrink
from gan_jax.errors import UserError
from gan_jax.game import stage_at
from gan_jax.loop import train
from gan_jax.methods import METHODS
from gan_jax.methods.growing import restart, shrunk, timetable
from gan_jax.methods.style_objectives import halves
from gan_jax.methods.stylegan import drawing
from gan_jax.nn.resample import avg_pool, upsample_nearest
from gan_jax.players import live_params, make_views
from gan_jax.priors import hypersphere
from gan_jax.session import open_session
from gan_jax.signals import StopRequest

SHAPE = (16, 16, 1)
PLAYERS = ("generator", "discriminator")


@pytest.fixture(scope="module", autouse=True)
def accelerator():
    """The formulations that compile faster; runs declare their own."""
    with tracing.platform("gpu"):
        yield


def recipe(name, **changes):
    """The method's own, small."""
    published = METHODS[name].__kwdefaults__["recipe"]
    return published._replace(prior=hypersphere(4), **changes)


def game(stage, fade=None, **changes):
    return METHODS["progan"](
        image_shape=SHAPE, stage=stage, fade=fade, base=32, most=6,
        recipe=recipe("progan", **changes),
    )  # fmt: skip


def config_of(side=16, **options):
    """Stages of 4 x 4, 8 x 8 and 16 x 16 pixels, of 4, 8 and 8 steps."""
    config = default_config()
    config.method, config.data.source = "progan", "builtin:emoji_google"
    config.data.image_shape = (side, side, 3)
    set_options(
        config, base=32, most=6, fade_images=32, stable_images=32, **options
    )  # fmt: skip
    config.recipe.prior, config.recipe.latent_dim = "hypersphere", 4
    set_optimizer(config, "gd", "adam", learning_rate=1e-2, b1=0.0, b2=0.99)
    shrink(config, steps=20, batch_size=8)
    set_ema(config, decay=0.9)
    config.parallel.devices = 1
    config.score.every = 0
    return config


# When.


def test_a_timetable():
    turns = timetable(3, 8, fade_images=32, stable_images=40)
    assert [turn.until for turn in turns] == [5, 14, None]
    assert [turn.stage for turn in turns] == [0, 1, 2]
    assert [turn.fade for turn in turns] == [None, (40.0, 72.0), (112.0, 144.0)]
    assert [turn.rate for turn in turns] == [1.0, 1.0, 1.0]


def test_a_timetable_in_whole_dispatches_from_another_side():
    turns = timetable(
        4, 8, multiple=4, fade_images=30, stable_images=40, first_side=8,
        rates=((16, 1.5), (32, 3.0)),
    )  # fmt: skip
    assert [(t.until, t.stage) for t in turns] == [(8, 1), (20, 2), (None, 3)]
    assert [t.fade for t in turns] == [None, (64.0, 94.0), (160.0, 190.0)]
    assert [t.rate for t in turns] == [1.0, 1.5, 3.0]


def test_published_times():
    turns = timetable(9, 16)
    images = [turn.until * 16 for turn in turns[:-1]]
    assert images == [600_000 + 1_200_000 * k for k in range(8)]
    assert turns[8].fade == (9_000_000.0, 9_600_000.0)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"fade_images": 0, "stable_images": 0}, "not both 0"),
        ({"fade_images": -1}, "must be numbers of images"),
        ({"first_side": 64}, r"first_side must be one of \[4, 8\], got 64"),
    ],
)
def test_bad_timetables(options, message):
    with pytest.raises(ValueError, match=message):
        timetable(2, 8, **options)


# What a stage sees.


def test_real_images_of_a_stage():
    images = jax.random.randint(jax.random.key(0), (2, 16, 16, 1), 0, 256, jnp.int32)
    images = images.astype(jnp.uint8)
    unit = images.astype(jnp.float32) / 127.5 - 1.0
    half = avg_pool(unit)
    np.testing.assert_allclose(shrunk(images, 1, 1.0), half, atol=1e-6)
    old = upsample_nearest(avg_pool(half))
    np.testing.assert_array_equal(shrunk(images, 1, jnp.float32(0.0)), old)
    mixed = shrunk(images, 1, jnp.float32(0.25))
    np.testing.assert_allclose(mixed, 0.25 * half + 0.75 * old, atol=1e-6)


@pytest.fixture(scope="module")
def start():
    """State, batch, and `(stage, fade) -> (state, metrics)` after a step with SGD."""
    state = compile_game(game(0)).init(jax.random.key(0))
    images = jax.random.uniform(jax.random.key(1), (1, 8, *SHAPE), minval=-1.0, maxval=1.0)
    sgd = {"g_tx": optax.sgd(0.1), "d_tx": optax.sgd(0.1)}
    fixed = compile_game(game(0, **sgd)).init(jax.random.key(0))

    def step(stage, fade=None, **changes):
        algorithm = compile_game(game(stage, fade, **sgd, **changes))
        return jax.jit(algorithm.step)(fixed, {"image": images})

    return state, step


def test_stages_share_one_state(start):
    state, _ = start
    for stage in (1, 2, None):
        other = compile_game(game(stage, (8.0, 9.0))).init(jax.random.key(0))
        assert jax.tree.structure(other) == jax.tree.structure(state)
        for name in PLAYERS:
            ours, theirs = other.players[name].params, state.players[name].params
            jax.tree.map(np.testing.assert_array_equal, ours, theirs)


def test_a_stage_begins_with_the_losses_of_the_one_before(start):
    _, step = start
    # But for the penalty, as slopes in four pixels are others than in their mean.
    for stage in (1, 2):
        state, before = step(stage - 1, d_terms={})
        faded, after = step(stage, (0.0, 100.0), d_terms={})
        for name in ("disc/loss", "gen/loss", "disc/real_logits", "gen/fake_logits"):
            np.testing.assert_allclose(after[name], before[name], rtol=1e-5, atol=1e-6)
        for player in PLAYERS:
            for path, leaf in trees.leaves_with_path(faded.players[player].params):
                old = dict(trees.leaves_with_path(state.players[player].params))[path]
                np.testing.assert_allclose(leaf, old, rtol=1e-4, atol=1e-5)


def test_only_parameters_of_the_stage_move(start):
    state, step = start
    after, _ = step(1)
    for player in PLAYERS:
        kept = dict(trees.leaves_with_path(state.players[player].params))
        still = {
            path.split("/")[1]
            for path, leaf in trees.leaves_with_path(after.players[player].params)
            if np.array_equal(leaf, kept[path])
        }
        assert still == {"conv_2_0", "conv_2_1", "image_2", "image_0"}


def test_samples_are_of_the_stage_of_a_state_whatever_the_game(start):
    _, step = start
    state, _ = step(1)
    key = jax.random.key(5)
    samples = jax.jit(compile_game(game(None)).sample, static_argnums=2)(state, key, 4)
    assert samples.shape == (4, *SHAPE)
    np.testing.assert_array_equal(samples, upsample_nearest(samples[:, ::2, ::2]))
    assert float(jnp.abs(samples[:, ::4, ::4] - samples[:, 2::4, ::4]).max()) > 1e-3
    again = jax.jit(compile_game(game(0)).sample, static_argnums=2)(state, key, 4)
    np.testing.assert_array_equal(samples, again)


def test_states_say_how_far_they_have_grown(start):
    _, step = start

    def level(state, name):
        return int(state.players[name].stats[name]["growth"]["level"])

    faded = compile_game(game(2, (-30.0, 70.0))).init(jax.random.key(0))
    moved, grown = step(2, (-30.0, 70.0))[0], step(1)[0]
    for name in PLAYERS:
        assert level(faded, name) == 1_000_000
        assert level(moved, name) == 1_300_000
        assert level(grown, name) == 1_000_000


def test_a_restart_forgets_moments_alone():
    algorithm = compile_game(game(0))
    state = algorithm.init(jax.random.key(0))
    images = jax.random.normal(jax.random.key(1), (1, 8, *SHAPE))
    moved, _ = jax.jit(algorithm.step)(state, {"image": images})
    again = restart(moved)
    for name in PLAYERS:
        jax.tree.map(
            np.testing.assert_array_equal, again.players[name].opt, state.players[name].opt
        )
        jax.tree.map(
            np.testing.assert_array_equal,
            again.players[name].params,
            moved.players[name].params,
        )
    assert float(trees.global_norm(moved.players["generator"].opt[0].nu)) > 0.0


# Generators with styles.


def styled(stage, fade=None, **options):
    return METHODS["stylegan"](
        image_shape=SHAPE, stage=stage, fade=fade, base=16, most=4, w_dim=5,
        mapping_layers=2, mapping_rate=0.5, recipe=recipe("stylegan"), **options,
    )  # fmt: skip


@pytest.fixture(scope="module")
def moved():
    """A StyleGAN's state after a step halfway through the second stage's fade."""
    algorithm = compile_game(styled(1, (-50.0, 50.0)))
    images = jax.random.normal(jax.random.key(1), (1, 8, *SHAPE))
    state = algorithm.init(jax.random.key(0))
    return state, jax.jit(algorithm.step)(state, {"image": images})[0]


def views_of(state):
    played = styled(None)
    return make_views(played, live_params(state), state, jnp.float32(0.0))


def test_a_generator_with_styles_grows_and_is_had_by_halves(moved):
    before, state = moved
    generator = views_of(state)["generator"]
    z = jax.random.normal(jax.random.key(2), (3, 4))
    images = jax.jit(partial(generator, train=False))(z)
    assert images.shape == (3, *SHAPE)
    np.testing.assert_array_equal(images, upsample_nearest(images[:, ::2, ::2]))
    parts = halves(generator)
    ws = parts.mapping(z, train=False)
    assert ws.shape == (3, 6, 5)
    whole = jax.jit(partial(parts.synthesis, train=False))(ws)
    np.testing.assert_allclose(whole, images, atol=1e-5)
    start = before.players["generator"].stats["generator"]["averages"]["mapping"]["w"]
    np.testing.assert_array_equal(start, np.zeros(5))
    assert float(jnp.abs(parts.mean).max()) > 0.0


def test_noise_is_kept_while_training(moved):
    before, state = moved
    kept, now = (
        x.players["generator"].stats["generator"]["noise"] for x in (before, state)
    )
    jax.tree.map(np.testing.assert_array_equal, kept, now)


def test_styles_are_mixed_as_often_as_asked():
    draw = drawing(hypersphere(4), 0.75, 6)
    options = draw(jax.random.split(jax.random.key(0), 4000))
    others, cut = options["mixed"]
    assert others.shape == (4000, 4)
    shares = np.bincount(cut, minlength=7) / 4000
    # Places 1 to 5 share 0.75, and 6 is beyond the last layer; four standard errors.
    np.testing.assert_allclose(shares[1:], [0.15] * 5 + [0.25], atol=0.028)
    assert shares[0] == 0.0
    assert set(drawing(hypersphere(4), 0.0, 6)(jax.random.split(jax.random.key(0)))) == {
        "noise"
    }


def test_bad_styles():
    with pytest.raises(ValueError, match="mixing must lie between 0 and 1"):
        styled(None, mixing=1.5)
    twice = recipe("stylegan", fakes_per_real=2)
    with pytest.raises(ValueError, match="one generated example per real one"):
        METHODS["stylegan"](image_shape=SHAPE, recipe=twice)


# Mistakes.


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"stage": 3}, "stage must lie between 0 and 2, got 3"),
        ({"fade": (3.0, 3.0)}, "a fade must end after it begins"),
        ({"image_shape": (12, 12, 1)}, "the sides must be equal and 4, 8, 16"),
    ],
)
def test_bad_games(options, message):
    with pytest.raises(ValueError, match=message):
        METHODS["progan"](**{"image_shape": SHAPE} | options)


# Programs of configs.


def test_a_config_becomes_a_program():
    config = config_of(rates=((8, 2.0),))
    program = registry.resolve(config, (16, 16, 3)).program
    assert [stage.until for stage in program] == [4, 12, None]
    assert [stage_at(program, step) for step in (0, 3, 4, 11, 12, 99)] == [0, 0, 1, 1, 2, 2]
    assert [stage.enter for stage in program] == [None, restart, restart]
    steps = []
    for stage in program[:2]:
        tx = stage.game.players["generator"].tx
        grad = jnp.ones(())
        with jax.numpy_dtype_promotion("standard"):
            steps.append(float(tx.update(grad, tx.init(grad), grad)[0]))
    np.testing.assert_allclose(steps, [-0.01, -0.02], rtol=1e-5)


def broken(**options):
    config = config_of()
    set_options(config, **options)
    return config


def test_bad_configs():
    stages = config_of()
    stages.stages = ({"until": 5},)
    cases = [
        (stages, "has stages of its own: leave stages empty"),
        (broken(stage=2), "model option 'stage' follows from the images seen"),
        (broken(fade_imags=3), "no model option 'fade_imags'; did you mean 'fade_images'"),
        (broken(fade_images=-3), "method 'progan': fade_images and stable_images must"),
        (broken(fade_images="x"), "method 'progan': "),
    ]
    for config, message in cases:
        with pytest.raises(UserError, match=message) as error:
            registry.resolve(config, (16, 16, 3))
        assert "\n" not in str(error.value)
    with pytest.raises(UserError, match="grows images, not examples of shape"):
        registry.build_program(config_of(), (2,))
    with pytest.raises(UserError, match="method 'progan': cannot grow to 28 x 28 images"):
        registry.build_program(config_of(), (28, 28, 1))
    unnamed = config_of(rates=((8, 2.0),))
    unnamed.recipe.d_optimizer = default_config().recipe.d_optimizer
    with pytest.raises(UserError, match=r"model\.rates needs recipe\.d_optimizer\.name"):
        registry.resolve(unnamed, (16, 16, 3))


def test_a_run_grows_and_resumes_within_a_fade(tmp_path, monkeypatch):
    config = config_of(side=8)
    config.train.steps = config.log.every = config.log.spectrum_every = 10
    config.samples.every = config.checkpoint.every = 10
    done = train(config, tmp_path / "whole")
    abstract = open_session(config).abstract
    assert set(abstract.players) == set(PLAYERS)

    def stop_at(number):
        def reached(self, steps):
            del self
            return number is not None and steps >= number

        monkeypatch.setattr(StopRequest, "reached", reached)

    for step in (4, 6):  # at the end of a stage, and within the next one's fade
        stop_at(step)
        assert f"stopped at step {step} " in train(config, tmp_path / "run").report
    stop_at(None)
    assert train(config, tmp_path / "run").digest == done.digest
