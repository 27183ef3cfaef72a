"""Standing statistics against moments computed by hand."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen

from gan_jax.game import View
from gan_jax.nn import BatchNorm
from gan_jax.nn.adapter import from_linen
from gan_jax.sampling import standing_statistics


class Deep(linen.Module):
    """Two batch norms, the second on what the first gives."""

    @linen.compact
    def __call__(self, z, y=None, *, train=False):
        h = BatchNorm(momentum=0.7, name="first")(3.0 * z + 1.0, train=train)
        return BatchNorm(momentum=0.99, name="second")(jax.nn.relu(h), train=train)


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
