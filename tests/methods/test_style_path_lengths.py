"""Path lengths of generators with styles are in w, whatever asks for them."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gan_jax import compile_game, prng, registry, tracing
from gan_jax.config import default_config, set_options, set_terms
from gan_jax.engine import phase_losses
from gan_jax.methods import stylegan, stylegan2
from gan_jax.methods.sides import GENERATOR
from gan_jax.methods.style_objectives import halves, path_length
from gan_jax.methods.stylegan import _STYLEGAN
from gan_jax.methods.terms import Round, Weighted
from gan_jax.players import live_params, make_views
from gan_jax.priors import normal

SHAPE, BATCH, Z = (8, 8, 1), 8, 5
PLAIN = {"w_dim": 4, "mapping_layers": 2, "use_noise": False, "mixing": 0.0}
STYLEGAN2 = PLAIN | {"channel_base": 32, "channel_max": 4, "group_size": 2}


@pytest.fixture(autouse=True)
def accelerator():
    """The formulations that compile faster."""
    with tracing.platform("gpu"):
        yield


def path_phase(game, side=8):
    """A state, and what the phase of path lengths makes of it."""
    state = compile_game(game).init(jax.random.key(0))
    (phase,) = [phase for phase in game.phases if phase.name == "gen_path_length"]

    @jax.jit
    def run(state, batch):
        moving = {name: state.players[name].params for name in phase.movers}
        return phase_losses(game, phase, state, batch)(moving)

    return state, *run(state, {"image": jnp.zeros((1, BATCH, side, side, 1))})


def round_keys(state):
    """Of the examples of the phase."""
    key = jax.random.fold_in(state.key, state.step)
    key = jax.random.fold_in(prng.fold_name(key, "gen_path_length"), 0)
    return prng.fold_rows(key, jnp.arange(BATCH))


def by_jacobian(synthesis, ws, keys):
    """||J_w^T y|| of every example, float64, of every other example's keys."""
    own = prng.stream(keys, "path_length")[::2]
    noise = prng.draw(own, lambda key: jax.random.normal(key, SHAPE))
    jacobians = jax.jit(jax.vmap(jax.jacrev(lambda w: synthesis(w[None])[0])))(ws)
    y = np.asarray(noise, np.float64) / 8.0
    pulled = np.einsum("bhwclm,bhwc->blm", np.asarray(jacobians, np.float64), y)
    return np.sqrt(np.square(pulled).sum(axis=-1).mean(axis=-1))


def check(found, aux, lengths, weight):
    """The penalty around the first running mean, and the weighted loss."""
    mean = 0.01 * lengths.mean()
    penalty = np.square(lengths - mean).mean()
    np.testing.assert_allclose(aux.memory["gen_path_length"], mean, rtol=1e-4)
    np.testing.assert_allclose(aux.terms["path_length"], penalty, rtol=1e-4)
    np.testing.assert_allclose(found[GENERATOR], weight * penalty, rtol=1e-4)


def of_config():
    """StyleGAN2 with a penalty that a config names."""
    config = default_config()
    config.method = "stylegan2"
    config.recipe.prior, config.recipe.latent_dim = "normal", Z
    set_options(config, **STYLEGAN2)
    named = {"penalty": "path_length", "weight": 3.0, "every": 4}
    set_terms(config, "g", path_length=named)
    return registry.build_game(config, SHAPE), Z, 12.0


def of_recipe():
    """StyleGAN2 as published."""
    return stylegan2(image_shape=SHAPE, **STYLEGAN2), 512, 8.0


@pytest.mark.parametrize("make", [of_config, of_recipe])
def test_they_are_of_steps_in_w(make):
    """Without noise, mixing and a mapping's slope: by the whole Jacobian."""
    game, latents, weight = make()
    state, found, aux = path_phase(game)
    two = halves(make_views(game, live_params(state), state, jnp.zeros(()))[GENERATOR])
    keys = round_keys(state)
    z = prng.draw(prng.stream(keys, "latent"), normal(latents))[::2]
    ws = two.mapping(z, train=False)
    lengths = by_jacobian(lambda ws: two.synthesis(ws, train=False), ws, keys)
    check(found, aux, lengths, weight)


def test_those_of_a_fading_stage_are_of_the_layers_there_are():
    """StyleGAN at 8 of 16 pixels, halfway: four of six layers."""
    recipe = _STYLEGAN._replace(
        prior=normal(Z), g_terms={"path_length": Weighted(2.0, path_length(), every=4)}
    )
    options = PLAIN | {"base": 16, "most": 4, "mapping_rate": 0.5}
    game = stylegan(
        image_shape=(16, 16, 1), stage=1, fade=(-50.0, 50.0), recipe=recipe, **options
    )
    state, found, aux = path_phase(game, side=16)
    module = game.nets[GENERATOR].apply.module
    variables = {"params": state.players[GENERATOR].params[GENERATOR]}
    keys = round_keys(state)
    z = prng.draw(prng.stream(keys, "latent"), normal(Z))[::2]
    ws = module.apply(variables, z, method="styles")[:, :4]

    def synthesis(ws):
        padded = jnp.concatenate([ws, jnp.zeros((1, 2, 4))], axis=1)
        half = jnp.float32(0.5)
        return module.apply(variables, padded, stage=1, alpha=half, method="images")

    check(found, aux, by_jacobian(synthesis, ws, keys), 8.0)


def test_without_styles_they_are_of_latents():
    def generate(z):
        return (2.0 * z).reshape(-1, 1, 1, 3)

    keys = prng.per_example(jax.random.key(7), BATCH)
    seen = {"generate": generate, "latents": jnp.ones((BATCH, 3)), "keys": keys}
    turn = Round(**(dict.fromkeys(Round._fields) | seen))
    value, mean = path_length(decay=1.0).fn(turn, jnp.zeros(()))
    noise = prng.draw(keys, lambda key: jax.random.normal(key, (1, 1, 3)))
    lengths = 2.0 * np.linalg.norm(np.asarray(noise, np.float64).reshape(-1, 3), axis=1)
    np.testing.assert_allclose(mean, lengths.mean(), rtol=1e-5)
    np.testing.assert_allclose(value, lengths.var(), rtol=1e-4)
