"""Standing statistics against moments computed by hand."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen

from gan_jax import compile_game, trees
from gan_jax.game import Ema, View
from gan_jax.methods import two_player
from gan_jax.methods.objectives import draw_latents
from gan_jax.networks import MLPDiscriminator
from gan_jax.nn import BatchNorm
from gan_jax.nn.adapter import from_linen
from gan_jax.players import live_params, make_views
from gan_jax.priors import truncated_normal
from gan_jax.sampling import standing_state, standing_statistics


class Deep(linen.Module):
    """Two batch norms, the second on what the first gives."""

    @linen.compact
    def __call__(self, z, y=None, *, train=False):
        h = BatchNorm(momentum=0.7, name="first")(3.0 * z + 1.0, train=train)
        return BatchNorm(momentum=0.99, name="second")(jax.nn.relu(h), train=train)


class Plain(linen.Module):
    """No norm at all."""

    @linen.compact
    def __call__(self, z, y=None, *, train=False):
        return 2.0 * z


def view(module):
    net = from_linen(module, (4,))
    params, stats = net.init(jax.random.key(0))
    return View(net, params, params, stats)


def test_the_moments_are_means_over_passes():
    z = jax.random.normal(jax.random.key(1), (3, 16, 4))
    stats = standing_statistics(view(Deep()), z)["batch_stats"]
    inputs = 3.0 * np.asarray(z, np.float64) + 1.0
    mean, var = inputs.mean(1), inputs.var(1)
    np.testing.assert_allclose(stats["first"]["mean"], mean.mean(0), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(stats["first"]["var"], var.mean(0), rtol=1e-5)
    normal = (inputs - mean[:, None]) / np.sqrt(var[:, None] + 1e-5)
    hidden = np.maximum(normal, 0.0)
    np.testing.assert_allclose(stats["second"]["mean"], hidden.mean((0, 1)), rtol=1e-4)
    np.testing.assert_allclose(stats["second"]["var"], hidden.var(1).mean(0), rtol=1e-4)


def test_after_one_pass_sampling_is_what_training_gives():
    z, net = jax.random.normal(jax.random.key(2), (8, 4)), view(Deep())
    stats = standing_statistics(net, z[None])
    sampled, kept = net.with_stats(z, train=False, stats=stats)
    np.testing.assert_allclose(sampled, net(z), rtol=2e-4, atol=1e-5)
    assert kept is stats


def test_a_net_without_batch_norm_is_refused():
    with pytest.raises(ValueError, match="need a net with batch norm"):
        standing_statistics(View(None, {}, {}, {}), jnp.zeros((1, 2, 4)))


def game(generator, ema):
    return two_player(
        generator=from_linen(generator, (4,)),
        discriminator=from_linen(MLPDiscriminator((4,)), (4,)),
        prior=truncated_normal(4, 0.5),
        g_ema=ema,
    )


def same(one, other):
    if jnp.issubdtype(one.dtype, jax.dtypes.prng_key):
        one, other = jax.random.key_data(one), jax.random.key_data(other)
    return np.array_equal(one, other)


@pytest.mark.parametrize("ema", [None, Ema(64.0)])
def test_a_state_that_is_sampled_with_them(ema):
    played = game(Deep(), ema)
    state = compile_game(played).init(jax.random.key(3))
    keys = jax.random.split(jax.random.key(4), (3, 16))
    settled = jax.jit(lambda state: standing_state(played, state, keys))(state)
    prior = truncated_normal(4, 0.5)
    z = jnp.stack([draw_latents(prior, row) for row in keys])
    views = make_views(played, live_params(state), state, jnp.zeros(()))
    stats = standing_statistics(views.averaged("generator"), z)
    before, after = dict(trees.leaves_with_path(state)), trees.leaves_with_path(settled)
    changed = {path: x for path, x in after if not same(x, before[path])}
    kept = "players/generator/" + ("ema/" if ema else "") + "stats/generator/"
    expected = {f"{kept}{path}": x for path, x in trees.leaves_with_path(stats)}
    assert len(expected) == 4
    assert changed.keys() == expected.keys()
    for path, x in expected.items():
        np.testing.assert_allclose(changed[path], x, rtol=1e-5, atol=1e-6)


def test_a_game_without_batch_norm_is_refused():
    played = game(Plain(), None)
    state = compile_game(played).init(jax.random.key(3))
    with pytest.raises(ValueError, match="need a net with batch norm"):
        standing_state(played, state, jax.random.split(jax.random.key(4), (3, 16)))
