"""Labels between classes: equal to networks that have one class more, in the middle."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen

from gan_jax import analysis, trees
from gan_jax.networks.biggan import BigGANGenerator, BigGANPlan
from gan_jax.networks.dcgan import DCGANGenerator
from gan_jax.networks.labels import by_embedding, by_latent, concatenation
from gan_jax.networks.mlp import MLPGenerator

CLASSES, WEIGHT = 3, 0.3
PLAN = BigGANPlan((2, 2), (2, 1, 1), (1, 1), (True, False))
NORMAL = jax.nn.initializers.normal(0.5)


def dcgan(**options):
    return lambda classes: DCGANGenerator((8, 8, 1), 2, 3, num_classes=classes, **options)


NETWORKS = {
    "conditional batch norm": dcgan(),
    "one-hot beside the latent": dcgan(modulation=None, input_labels=concatenation()),
    "shared embedding": dcgan(modulation=by_embedding(4, kernel_init=NORMAL)),
    "self-modulation": dcgan(modulation=by_latent(4, kernel_init=NORMAL)),
    "embedding beside the latent": lambda classes: MLPGenerator(
        (6,), (4, 4, 1), num_classes=classes
    ),
    "biggan": lambda classes: BigGANGenerator(
        PLAN, 2, 1, num_classes=classes, embedding=4, remat=True
    ),
}


def between(path, leaf):
    """A table with a further row: that of class 0 and of class 2, mixed."""
    one_hot = path == "params/project/kernel" and leaf.shape[0] == 6 + CLASSES
    if not (path.endswith("embedding") or one_hot):
        return leaf
    first, last = (6, 6 + CLASSES - 1) if one_hot else (0, CLASSES - 1)
    row = (1.0 - WEIGHT) * leaf[first] + WEIGHT * leaf[last]
    return jnp.concatenate([leaf, row[None]])


def random_variables(module, latents, labels):
    shapes = jax.eval_shape(module.init, jax.random.key(0), latents, labels)
    draws = np.random.default_rng(0)

    def drawn(path, leaf):
        values = 0.5 * draws.standard_normal(leaf.shape)
        return jnp.asarray(0.5 + values**2 if path.endswith("var") else values, jnp.float32)

    return trees.map_with_path(drawn, shapes)


@pytest.mark.parametrize("name", NETWORKS)
def test_a_mixture_is_a_class_whose_vectors_are_mixed(name):
    latents = jnp.asarray(np.random.default_rng(1).standard_normal((2, 6)), jnp.float32)
    zeros = jnp.zeros(2, jnp.int32)
    module, wider = NETWORKS[name](CLASSES), NETWORKS[name](CLASSES + 1)
    variables = random_variables(module, latents, zeros)
    more = trees.map_with_path(between, variables)

    def generate(z, y):
        return module.apply(variables, z, y)

    mixed = jax.jit(analysis.mixed_labels(generate))
    made = mixed(latents, zeros, zeros + CLASSES - 1, jnp.float32(WEIGHT))
    expected = jax.jit(wider.apply)(more, latents, zeros + CLASSES)
    np.testing.assert_allclose(made, expected, atol=2e-6)
    plain = jax.jit(generate)
    for label, weight in ((0, 0.0), (CLASSES - 1, 1.0)):
        at_end = mixed(latents, zeros, zeros + CLASSES - 1, jnp.float32(weight))
        np.testing.assert_allclose(at_end, plain(latents, zeros + label), atol=2e-6)
        assert float(jnp.abs(at_end - made).max()) > 1e-3


def test_whole_numbers_have_nothing_between_them():
    def generate(z, y):
        return jnp.where(y[:, None] > 0, z, -z)

    labels = jnp.zeros(2, jnp.int32)
    with pytest.raises(ValueError, match="whole numbers"):
        analysis.mixed_labels(generate)(jnp.ones((2, 3)), labels, labels + 1, 0.5)


def shade(z, y):
    """Images (B, 2, 2, 1) of one value: the latent plus ten times the label's square."""
    table = jnp.asarray([0.0, 10.0, 40.0])
    value = z[:, 0] + jnp.take(table, y)
    return jnp.broadcast_to(value[:, None, None, None], (len(z), 2, 2, 1))


def test_a_grid_has_a_row_for_each_latent_and_a_column_for_each_class():
    grid = analysis.class_grid(shade, jnp.asarray([[1.0], [2.0]]), 3)
    assert grid.shape == (2, 3, 2, 2, 1)
    np.testing.assert_array_equal(grid[..., 0, 0, 0], [[1, 11, 41], [2, 12, 42]])


def test_a_walk_goes_from_class_to_class():
    ways = analysis.class_walk(shade, jnp.asarray([[1.0], [2.0]]), 1, 2, 4)
    np.testing.assert_allclose(
        ways[..., 0, 0, 0], [[11, 21, 31, 41], [12, 22, 32, 42]], rtol=1e-6
    )
    with pytest.raises(ValueError, match="at least 2 steps"):
        analysis.class_walk(shade, jnp.ones((1, 1)), 1, 2, 1)


def test_loops_over_labels_and_latents():
    """A scan that sees both: what is of labels is mixed at its door."""

    class Loop(linen.Module):
        @linen.compact
        def __call__(self, z, y):
            table = self.param("table", linen.initializers.ones, (2, 3))
            label = jnp.take(table, y, axis=0)
            return jax.lax.scan(lambda c, _: (c * label, None), z, None, length=2)[0]

    table = {"params": {"table": jnp.asarray([[1.0, 2.0, 3.0], [3.0, 2.0, 1.0]])}}
    z, zeros = jnp.ones((2, 3)), jnp.zeros(2, jnp.int32)
    mixed = analysis.mixed_labels(lambda z, y: Loop().apply(table, z, y))
    made = mixed(z, zeros, zeros + 1, jnp.float32(0.25))
    np.testing.assert_allclose(made[0], [1.5**2, 2.0**2, 2.5**2], rtol=1e-6)
