"""The game of StyleGAN2: mixing, noise, lazy R1 of whole batches."""

from __future__ import annotations

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gan_jax import analysis, compile_game, penalties, prng, tracing
from gan_jax.engine import phase_losses
from gan_jax.methods import stylegan2
from gan_jax.methods.sides import GENERATOR
from gan_jax.methods.style_objectives import Draw, StyledApply, halves, truncating
from gan_jax.methods.stylegan2 import _STYLEGAN2
from gan_jax.methods.terms import Weighted
from gan_jax.networks.stylegan2 import SynthesisNetwork
from gan_jax.networks.stylegan2_mapping import MappingNetwork, StyledGenerator, truncated
from gan_jax.nn.adapter import from_linen
from gan_jax.players import live_params, make_views
from gan_jax.priors import normal

SMALL = {
    "image_shape": (8, 8, 1),
    "channel_base": 32,
    "channel_max": 6,
    "w_dim": 4,
    "mapping_layers": 2,
    "group_size": 2,
}
BATCH = 8
KEYS = prng.per_example(jax.random.key(7), BATCH)


@pytest.fixture(autouse=True)
def accelerator():
    """The formulations that compile faster."""
    with tracing.platform("gpu"):
        yield


def generator():
    """A generator's functions and its variables, the mean not that at first."""
    module = StyledGenerator(MappingNetwork(4, 4, layers=2), SynthesisNetwork(8, 1, 32, 6))
    params, stats = from_linen(module, (6,)).init(jax.random.key(0))
    params = jax.tree.map(lambda x: x + 0.3, params)
    stats["averages"]["mapping"]["w"] = jnp.arange(4.0)
    return StyledApply(module), params, stats


def latents(rows=BATCH):
    return jax.random.normal(jax.random.key(1), (rows, 6))


def test_styles_are_of_one_latent_up_to_a_layer_and_of_another_from_it():
    apply, params, stats = generator()
    z, prior = latents(), normal(6)
    first, moved = apply.styles(params, stats, z, train=True)
    w = first[:, 0]
    np.testing.assert_allclose(
        moved["averages"]["mapping"]["w"],
        0.995 * np.arange(4.0) + 0.005 * w.mean(axis=0),
        rtol=1e-5,
    )
    ws, after = Draw(apply, prior, 1.0).styles(params, stats, z, (), KEYS)
    jax.tree.map(np.testing.assert_array_equal, after, moved)  # the first latents' alone
    own = np.isclose(ws, first, atol=1e-6).all(axis=-1)
    assert own[:, 0].all()
    assert not own[:, -1].any()
    cuts = own.sum(axis=1)
    np.testing.assert_array_equal(own, np.arange(4)[None] < cuts[:, None])
    assert set(cuts) == {1, 2, 3}
    for row, cut in enumerate(cuts):  # the second latent's styles are all the same, too
        np.testing.assert_array_equal(ws[row, cut:], ws[row, cut:][:1].repeat(4 - cut, 0))
    unmixed, _ = Draw(apply, prior, 0.0).styles(params, stats, z, (), KEYS)
    np.testing.assert_array_equal(unmixed, first)


def test_the_share_of_mixed_examples_is_its_probability():
    apply, params, stats = generator()
    n = 400
    keys, z = prng.per_example(jax.random.key(5), n), latents(n)
    ws, _ = jax.jit(Draw(apply, normal(6), 0.9).styles)(params, stats, z, (), keys)
    mixed = (np.abs(ws[:, 0] - ws[:, -1]).max(axis=-1) > 1e-6).mean()
    # 5 standard deviations of a binomial share.
    assert abs(mixed - 0.9) < 5 * np.sqrt(0.9 * 0.1 / n)


def test_noise_and_mixing_belong_to_the_example():
    apply, params, stats = generator()
    z, draw = latents(), Draw(apply, normal(6), 0.9)

    @jax.jit
    def images(z, keys):
        ws, _ = draw.styles(params, stats, z, (), keys)
        return apply.images(params, {}, ws, prng.stream(keys, "noise"))

    together = images(z, KEYS)
    apart = images(z[3:5], KEYS[3:5])
    np.testing.assert_allclose(apart, together[3:5], rtol=1e-5, atol=1e-5)
    again = images(z[3:4], KEYS[4:5])
    assert float(jnp.abs(again - together[3:4]).max()) > 1e-3


def state_of(game):
    return compile_game(game).init(jax.random.key(0))


def views_of(game, state):
    return make_views(game, live_params(state), state, jnp.zeros(()))


def test_halves_are_the_generator_and_reach_the_tools():
    game = stylegan2(**SMALL, recipe=_STYLEGAN2._replace(prior=normal(6)))
    view = views_of(game, state_of(game))[GENERATOR]
    two, z = halves(view), latents(3)
    mapping, synthesis, whole = (
        jax.jit(partial(part, train=False)) for part in (two.mapping, two.synthesis, view)
    )
    ws = mapping(z)
    assert ws.shape == (3, 4, 4)
    np.testing.assert_allclose(synthesis(ws), whole(z), rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(two.mean, np.zeros(4))
    grid = analysis.style_mixing(
        mapping,
        synthesis,
        z[:2],
        z[1:],
        [0, 1, 2, 3],
    )
    # All layers of the others: the columns' own images, whatever the row.
    np.testing.assert_allclose(grid[1:, 1:], grid[None, 0, 1:].repeat(2, 0), atol=1e-5)
    middle = truncated(ws, two.mean, 0.0)
    np.testing.assert_array_equal(middle, jnp.zeros_like(ws))
    assert halves(views_of(game, state_of(game))["discriminator"]) is None


def loss_of(game, name, state, batch):
    phase = next(phase for phase in game.phases if phase.name == name)

    @jax.jit
    def run(state, batch):
        moving = {mover: state.players[mover].params for mover in phase.movers}
        return phase_losses(game, phase, state, batch)(moving)

    return run(state, batch)


BATCHES = {"image": jax.random.uniform(jax.random.key(3), (1, BATCH, 8, 8, 1), minval=-1.0)}


def test_the_phases_and_when_they_run():
    game = stylegan2(**SMALL)
    assert {phase.name: phase.every for phase in game.phases} == {
        "disc": 1, "disc_r1": 16, "gen": 1, "gen_path_length": 4
    }  # fmt: skip


def test_r1_is_of_the_summed_logits_of_the_batch():
    game = stylegan2(**SMALL)
    state = state_of(game)
    losses, aux = loss_of(game, "disc_r1", state, BATCHES)
    view = views_of(game, state)["discriminator"]
    images = BATCHES["image"][0]
    slopes = jax.jit(jax.grad(lambda x: view(x).sum()))(images)
    expected = 0.5 * jnp.square(slopes).sum(axis=(1, 2, 3)).mean()
    np.testing.assert_allclose(aux.terms["r1"], expected, rtol=1e-5)
    np.testing.assert_allclose(losses["discriminator"], 16.0 * 10.0 * expected, rtol=1e-5)
    # The same from a config, whose R1 is one of single examples.
    recipe = _STYLEGAN2._replace(d_terms={"r1": Weighted(10.0, penalties.r1(), 16)})
    same, _ = loss_of(stylegan2(**SMALL, recipe=recipe), "disc_r1", state, BATCHES)
    np.testing.assert_allclose(same["discriminator"], losses["discriminator"], rtol=1e-6)


def test_samples_keep_their_noise_and_mix_nothing():
    game = stylegan2(**SMALL, recipe=_STYLEGAN2._replace(prior=normal(6)))
    algorithm = compile_game(game)
    state = state_of(game)
    player = state.players[GENERATOR]
    louder = jax.tree_util.tree_map_with_path(
        lambda path, x: x + 1.0 if "noise_strength" in str(path) else x, player.params
    )
    state = state.replace(
        players=state.players | {GENERATOR: player.replace(params=louder, ema=())}
    )
    game = game._replace(
        players=game.players | {GENERATOR: game.players[GENERATOR]._replace(ema=None)}
    )
    algorithm = compile_game(game)
    sampled = algorithm.sample(state, KEYS, BATCH)
    view = views_of(game, state)[GENERATOR]
    z = prng.draw(prng.stream(KEYS, "latent"), normal(6))
    module = view.net.apply.module
    variables = {"params": view.params, **view.stats}
    np.testing.assert_allclose(sampled, module.apply(variables, z), rtol=1e-5, atol=1e-5)
    quiet = module.apply(variables, z, noise="none")
    assert float(jnp.abs(sampled - quiet).max()) > 0.1
    pulled = compile_game(truncating(game, 0.3)).sample(state, KEYS, BATCH)
    known = module.apply(variables, z, truncation=0.3)
    np.testing.assert_allclose(pulled, known, rtol=1e-5, atol=1e-5)
    assert float(jnp.abs(pulled - sampled).max()) > 0.1


def test_what_cannot_be_is_one_line():
    with pytest.raises(ValueError, match=r"square images, not 8 x 16.*image_shape=\(8, 8"):
        stylegan2(**SMALL | {"image_shape": (8, 16, 3)})
    with pytest.raises(ValueError, match=r"images of 4, 8, 16, \.\.\. 1024 pixels, not 28"):
        stylegan2(**SMALL | {"image_shape": (28, 28, 1)})
    with pytest.raises(ValueError, match="mixing is a probability"):
        stylegan2(**SMALL, mixing=1.5)
    game = stylegan2(**SMALL | {"group_size": 0})
    state = state_of(game)
    with pytest.raises(ValueError, match="3 examples do not fall into parts of 2"):
        loss_of(game, "gen_path_length", state, {"image": BATCHES["image"][:, :3]})
    with pytest.raises(ValueError, match="labels were given to an unconditional model"):
        compile_game(game).sample(state, KEYS, BATCH, jnp.zeros((BATCH,), jnp.int32))


def test_classes_enter_both_networks():
    game = stylegan2(**SMALL, num_classes=3, label_layers=1)
    views = views_of(game, state_of(game))
    z, images = jax.random.normal(jax.random.key(2), (2, 512)), BATCHES["image"][0][:2]
    for net, inputs in ((GENERATOR, z), ("discriminator", images)):
        view = jax.jit(partial(views[net], train=False))
        zero, one = (jnp.full((2,), label, jnp.int32) for label in (0, 1))
        first, other = view(inputs, zero), view(inputs, one)
        assert float(jnp.abs(first - other).max()) > 1e-4
        weights = jnp.eye(3)[jnp.array([0, 0])]
        same = view(inputs, weights)
        np.testing.assert_allclose(same, first, rtol=1e-5, atol=1e-6)
