"""Coupled networks: the paper's layers, and who owns them."""

from itertools import pairwise

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gan_jax import trees
from gan_jax.networks import CoupledDiscriminator, CoupledGenerator
from gan_jax.networks.coupled import (
    digit_discriminator,
    digit_generator,
    face_discriminator,
    face_generator,
)
from gan_jax.nn import BatchNorm

DIGIT = (28, 28, 1)


def variables(module, example):
    inputs = jax.tree.map(jnp.zeros, example, is_leaf=is_shape)
    return jax.eval_shape(module.init, jax.random.key(0), inputs)


def is_shape(x):
    return isinstance(x, tuple) and all(isinstance(n, int) for n in x)


def count(module, example):
    return trees.count(variables(module, example)["params"])


def digit_sizes(g_shared, d_shared):
    """Parameters by the paper's table, with gains of batch norms and slopes."""
    widths = (1024, 512, 256, 128)
    g = [100 * 16 * 1024 + 2 * 1024 + 1]
    g += [9 * a * b + 2 * b + 1 for a, b in pairwise(widths)]
    g += [36 * 128 + 1]
    d = [25 * 20 + 20, 25 * 20 * 50 + 50, 800 * 500 + 500 + 1, 500 + 1]
    return (
        sum(g[:g_shared]) + 2 * sum(g[g_shared:]),
        2 * sum(d[: 4 - d_shared]) + sum(d[4 - d_shared :]),
    )


@pytest.mark.parametrize("shared", [(4, 3), (2, 0), (0, 1)])
def test_digits_have_the_published_layers(shared):
    ladder, judge = digit_generator(DIGIT, 128), digit_discriminator(DIGIT, 20)
    generator, discriminator = (
        CoupledGenerator(ladder, shared[0]),
        CoupledDiscriminator(judge, shared[1]),
    )
    assert (generator.layers, discriminator.layers) == (5, 4)
    sizes = count(generator, (2, 100)), count(discriminator, ((2, *DIGIT), (2, *DIGIT)))
    assert sizes == digit_sizes(*shared)
    # All but the last and all but the first by default.
    tied = digit_sizes(4, 3)
    assert count(CoupledGenerator(ladder), (2, 100)) == tied[0]
    assert count(CoupledDiscriminator(judge), ((2, *DIGIT), (2, *DIGIT))) == tied[1]


def test_digits_grow_as_in_the_authors_code():
    """By PyTorch's rule, (n - 1) stride - 2 padding + window."""
    ladder, size, sizes = digit_generator(DIGIT, 1), 4, []
    for window, pad in zip(ladder.windows, (1, 1, 1, 1), strict=True):
        size = (size - 1) * window.stride - 2 * pad + window.size
        sizes.append(size)
        assert window.padding == ((window.size - 1 - pad,) * 2,) * 2
    assert sizes == [7, 13, 25, 28]
    generator = CoupledGenerator(ladder)
    made = jax.eval_shape(
        lambda z: generator.init_with_output(jax.random.key(0), z)[0], jnp.zeros((3, 5))
    )
    assert [x.shape for x in made] == [(3, *DIGIT)] * 2


def test_faces_have_seven_and_eight_layers():
    shape = (128, 128, 3)
    ladder, judge = face_generator(shape, 32), face_discriminator(shape, 32)
    assert ladder.base == (4, 4, 1024)
    assert [w.features for w in ladder.windows] == [512, 256, 128, 64, 32, 3]
    assert [w.features for w in judge.windows] == [32, 64, 128, 256, 512, 1024]
    assert [w.size for w in judge.windows] == [5, 5, 5, 3, 3, 3]
    assert judge.units == (2048,)
    assert CoupledGenerator(ladder).layers == 7
    assert CoupledDiscriminator(judge, norm=BatchNorm).layers == 8
    # The last features are 2 x 2.
    seen = variables(CoupledDiscriminator(judge, 2), ((2, *shape), (2, *shape)))["params"]
    assert seen["shared_6"]["kernel"].shape == (2 * 2 * 1024, 2048)


def test_each_image_is_of_the_trunk_and_its_own_layers():
    generator = CoupledGenerator(face_generator((8, 8, 1), 2), 1, norm=None)
    z = jax.random.normal(jax.random.key(1), (3, 4))
    params = generator.init(jax.random.key(0), z)["params"]
    first, second = generator.apply({"params": params}, z)
    changed = {k: v for k, v in params.items() if k.startswith("second")}
    changed = jax.tree.map(lambda x: x + 0.5, changed)
    again, other = generator.apply({"params": params | changed}, z)
    np.testing.assert_array_equal(again, first)
    assert float(jnp.abs(other - second).max()) > 0.1
    # With the same layers behind the trunk, both are one image.
    same = {k.replace("second", "first"): v for k, v in params.items() if "second" in k}
    one, two = generator.apply({"params": params | same}, z)
    np.testing.assert_array_equal(one, two)
    assert float(jnp.abs(first).max()) <= 1.0


def test_logits_go_with_their_domain():
    judge = CoupledDiscriminator(digit_discriminator(DIGIT, 2), 2)
    x, y = jax.random.normal(jax.random.key(1), (2, 3, *DIGIT))
    params = judge.init(jax.random.key(0), (x, y))["params"]
    logits = judge.apply({"params": params}, (x, y))
    assert (logits.shape, logits.dtype) == ((3, 2), jnp.float32)
    swapped = {
        k.replace(a, b): v
        for k, v in params.items()
        for a, b in (("first", "second"), ("second", "first"))
        if a in k
    }
    again = judge.apply({"params": params | swapped}, (y, x))
    np.testing.assert_allclose(again, logits[:, ::-1], rtol=1e-5, atol=1e-6)
    alone = judge.apply({"params": params}, (x, x))
    np.testing.assert_allclose(alone[:, 0], logits[:, 0], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("shared", [-1, 5])
def test_each_domain_has_a_layer_of_its_own(shared):
    generator = CoupledGenerator(digit_generator(DIGIT, 1), shared)
    with pytest.raises(ValueError, match=f"share 0 to 4 of them, got {shared}"):
        variables(generator, (2, 100))
