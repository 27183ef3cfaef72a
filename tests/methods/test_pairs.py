"""Games of pairs of examples and codes, on linear nets against closed forms."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from gan_jax import Net, compile_game, losses, priors, prng
from gan_jax.methods.augmented import both_sides
from gan_jax.methods.recipe import Recipe, check_used
from gan_jax.methods.sides import ENCODER, GENERATOR, drawn, pairs
from gan_jax.methods.two_player import from_recipe
from gan_jax.types import Posterior

BATCH, DIM = 6, 2
B, W = np.array([0.3, -0.2], np.float32), np.array([1.0, 2.0, -0.5, 0.7], np.float32)
SCALE = np.array([0.4, 1.5], np.float32)
REAL = jax.random.normal(jax.random.key(9), (BATCH, DIM))


def shift():
    """z + b."""
    return Net(
        lambda key: ({"b": jnp.asarray(B)}, {}),
        lambda params, stats, z, train: (z + params["b"][None], {}),
    )


def scaling():
    """s * x."""
    return Net(
        lambda key: ({"s": jnp.asarray(SCALE)}, {}),
        lambda params, stats, x, train: (x * params["s"][None], {}),
    )


def linear():
    """w . (x, z)."""

    def apply(params, stats, pair, train):
        return jnp.concatenate(pair, axis=-1) @ params["w"], {}

    return Net(lambda key: ({"w": jnp.asarray(W)}, {}), apply)


def run(make=None, **recipe):
    game = from_recipe(
        shift(),
        linear(),
        Recipe(
            loss=losses.swapped(losses.wasserstein),
            prior=priors.normal(DIM),
            g_tx=optax.sgd(1.0),
            d_tx=optax.sgd(0.0),
        )._replace(**recipe),
        encoder=scaling(),
        make=make,
    )
    algorithm = compile_game(game)
    state = algorithm.init(jax.random.key(0))
    after, metrics = jax.jit(algorithm.step)(state, {"image": REAL[None]})
    return after.players[GENERATOR].params, metrics


def latents(phase):
    run_key = prng.fold_name(jax.random.key(0), "run")
    key = prng.fold_name(jax.random.fold_in(run_key, 0), phase)
    keys = prng.fold_rows(jax.random.fold_in(key, 0), jnp.arange(BATCH))
    return np.asarray(prng.draw(prng.stream(keys, "latent"), priors.normal(DIM)))


def test_real_pairs_have_codes_and_generated_ones_latents():
    _, metrics = run()
    real = np.asarray(REAL)
    score = np.concatenate([real, real * SCALE], axis=1) @ W
    z = latents("disc")
    fake = np.concatenate([z + B, z], axis=1) @ W
    np.testing.assert_allclose(metrics["disc/real_logits"], score.mean(), rtol=1e-5)
    np.testing.assert_allclose(metrics["disc/fake_logits"], fake.mean(), rtol=1e-5)
    np.testing.assert_allclose(metrics["disc/loss"], fake.mean() - score.mean(), rtol=1e-5)


def test_generator_and_encoder_move_against_the_discriminator():
    params, _ = run()
    # The swapped critic loss is E[w (x, s x)] - E[w (z + b, z)].
    np.testing.assert_allclose(params[GENERATOR]["b"], B + W[:2], rtol=1e-6)
    slope = W[2:] * np.asarray(REAL).mean(0)
    np.testing.assert_allclose(params[ENCODER]["s"], SCALE - slope, rtol=1e-5)


def test_an_encoder_may_have_an_optimizer_of_its_own():
    params, _ = run(e_tx=optax.sgd(0.1))
    np.testing.assert_allclose(params[GENERATOR]["b"], B + W[:2], rtol=1e-6)
    slope = W[2:] * np.asarray(REAL).mean(0)
    np.testing.assert_allclose(params[ENCODER]["s"], SCALE - 0.1 * slope, rtol=1e-5)


def test_augmentations_are_of_examples_alone_and_follow_the_encoder():
    def double(keys, x):
        return 2.0 * x

    _, metrics = run(augment=both_sides(double))
    real = np.asarray(REAL)
    score = np.concatenate([2 * real, real * SCALE], axis=1) @ W
    np.testing.assert_allclose(metrics["disc/real_logits"], score.mean(), rtol=1e-5)


def test_the_discriminator_may_see_real_examples_in_another_form():
    _, metrics = run(make=pairs(lambda x: -x))
    real = np.asarray(REAL)
    score = np.concatenate([-real, real * SCALE], axis=1) @ W
    np.testing.assert_allclose(metrics["disc/real_logits"], score.mean(), rtol=1e-5)


def test_codes_are_drawn_by_reparameterisation():
    keys = prng.per_example(jax.random.key(4), 20_000)
    mean, spread = jnp.array([1.0, -2.0]), jnp.log(jnp.array([0.25, 4.0]))

    def codes(mean, spread):
        tiled = [jnp.broadcast_to(x, (20_000, 2)) for x in (mean, spread)]
        return drawn(Posterior(*tiled), keys)

    found = np.asarray(codes(mean, spread), np.float64)
    # Four deviations of the estimates.
    np.testing.assert_allclose(found.mean(0), mean, atol=4 * 2 / np.sqrt(20_000))
    np.testing.assert_allclose(found.std(0), [0.5, 2.0], rtol=4 / np.sqrt(40_000))
    slope = jax.grad(lambda m: codes(m, spread).mean())(mean)
    np.testing.assert_allclose(slope, [0.5, 0.5], rtol=1e-5)
    plain = jnp.ones((3, 2))
    assert drawn(plain, keys[:3]) is plain


def test_what_has_no_place_is_refused():
    with pytest.raises(ValueError, match="has no encoder"):
        from_recipe(shift(), linear(), Recipe(e_tx=optax.sgd(1.0)))
    with pytest.raises(ValueError, match="cannot be improved"):
        run(improve_latents=lambda score, z: z)
    with pytest.raises(ValueError, match="gmmn has no use for d_steps"):
        check_used("gmmn", Recipe(d_steps=2), "prior")
    with pytest.raises(ValueError, match="gmmn has no use for loss"):
        check_used("gmmn", Recipe(loss=losses.hinge), "prior")
    check_used("gmmn", Recipe(prior=priors.uniform(3), d_terms={}), "prior")
