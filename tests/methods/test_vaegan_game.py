"""VAE/GAN: three losses of one forward pass."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from gan_jax import compile_game, losses, prng
from gan_jax.methods import vaegan
from gan_jax.methods.recipe import Recipe
from gan_jax.methods.sides import drawn
from gan_jax.players import live_params, make_views
from gan_jax.priors import normal

SHAPE, BATCH, GAMMA = (8, 8, 1), 4, 0.01
RATE = 1e-2
RECIPE = Recipe(
    loss=losses.non_saturating,
    prior=normal(3),
    g_tx=optax.sgd(RATE),
    d_tx=optax.sgd(RATE),
)
TINY = {"image_shape": SHAPE, "width": 2, "kernel_size": 4, "d_norm": None}
REAL = jnp.tanh(jax.random.normal(jax.random.key(1), (BATCH, *SHAPE)))


def keys():
    run_key = prng.fold_name(jax.random.key(0), "run")
    key = prng.fold_name(jax.random.fold_in(run_key, 0), "all")
    return prng.fold_rows(jax.random.fold_in(key, 0), jnp.arange(BATCH))


def parts(views):
    """What the losses are made of, in float64."""
    found = views["encoder"](REAL)
    codes = drawn(found, prng.stream(keys(), "posterior"))
    again = views["generator"](codes)
    free = views["generator"](prng.draw(prng.stream(keys(), "latent"), RECIPE.prior))
    seen = [views["discriminator"](x) for x in (REAL, again, free)]
    mean, spread = (np.asarray(x, np.float64) for x in found)
    kl = 0.5 * (mean**2 + np.exp(spread) - 1 - spread).sum(1).mean()
    logits = [np.asarray(x.logits, np.float64) for x in seen]
    features = [np.asarray(x.features, np.float64) for x in seen]
    pixels = [np.asarray(x, np.float64).reshape(BATCH, -1) for x in (REAL, again)]
    return kl, logits, features, pixels


def half_square(x, y):
    return 0.5 * ((x - y) ** 2).sum(1).mean()


def softplus(x):
    return np.log1p(np.exp(x)).mean()


@pytest.mark.parametrize("adversarial", [True, False])
def test_each_player_has_its_own_loss(adversarial):
    game = vaegan(**TINY, gamma=GAMMA, adversarial=adversarial, recipe=RECIPE)
    algorithm = compile_game(game)
    state = algorithm.init(jax.random.key(0))
    views = make_views(game, live_params(state), state, jnp.float32(0.0))
    kl, (real, again, free), features, pixels = parts(views)
    _, metrics = jax.jit(algorithm.step)(state, {"image": REAL[None]})
    error = half_square(*(features[:2] if adversarial else pixels))
    fooling = softplus(-again) + softplus(-free)
    expected = {
        "kl": kl,
        "reconstruction": error,
        "adversarial": fooling,
        "loss_encoder": kl + error,
        "loss_generator": GAMMA * error + fooling if adversarial else error,
        "loss_discriminator": softplus(-real) + 0.5 * (softplus(again) + softplus(free)),
    }
    for name, value in expected.items():
        np.testing.assert_allclose(metrics[f"all/{name}"], value, rtol=1e-4, err_msg=name)


def test_the_encoder_does_not_hear_the_adversarial_loss():
    """Its gradient is that of KL and reconstruction alone."""
    game = vaegan(**TINY, gamma=GAMMA, recipe=RECIPE)
    algorithm = compile_game(game)
    state = algorithm.init(jax.random.key(0))
    after, _ = jax.jit(algorithm.step)(state, {"image": REAL[None]})

    def loss(params):
        players = live_params(state) | {"encoder": params}
        views = make_views(game, players, state, jnp.float32(0.0))
        found = views["encoder"](REAL)
        codes = drawn(found, prng.stream(keys(), "posterior"))
        seen = [views["discriminator"](x) for x in (REAL, views["generator"](codes))]
        error = jnp.square(seen[0].features - seen[1].features).sum(1).mean()
        return losses.gaussian_kl(*found) + 0.5 * error

    own = state.players["encoder"].params
    slopes = jax.grad(loss)(own)
    moved = after.players["encoder"].params
    for before, slope, now in zip(*map(jax.tree.leaves, (own, slopes, moved)), strict=True):
        np.testing.assert_allclose(now, before - RATE * slope, rtol=1e-4, atol=1e-6)


def test_relativistic_losses_are_refused():
    paired = losses.relativistic(losses.non_saturating)
    with pytest.raises(ValueError, match="a loss of each logit by itself"):
        vaegan(**TINY, recipe=RECIPE._replace(loss=paired))
    with pytest.raises(ValueError, match="vaegan has no use for d_steps"):
        vaegan(**TINY, recipe=RECIPE._replace(d_steps=2))
