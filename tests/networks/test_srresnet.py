"""SRResNet and SRGAN's discriminator: the published sizes, and where pixels go."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gan_jax import trees
from gan_jax.networks import SRGANDiscriminator, SRResNet
from gan_jax.nn import from_linen

KEY = jax.random.key(0)


def parameters(module, *shape):
    params, _ = jax.eval_shape(from_linen(module, shape).init, KEY)
    return trees.count(params)


@pytest.mark.parametrize(
    ("module", "side", "count"),
    [
        (SRResNet(), 24, 1_547_350),
        (SRResNet(factor=2), 24, 1_399_637),
        (SRResNet(blocks=5, use_bias=True), 24, 734_219),
        (SRGANDiscriminator(), 96, 23_563_649),
        (SRGANDiscriminator(pooled=True, use_bias=True), 96, 5_215_425),
    ],
)
def test_published_sizes(module, side, count):
    assert parameters(module, side, side, 3) == count


@pytest.mark.parametrize("factor", [3, 4])
def test_a_shift_of_the_image_is_one_of_the_larger_image(factor):
    module = SRResNet(factor, width=2, blocks=1, norm=None)
    x = jax.random.uniform(KEY, (1, 30, 30, 3), minval=-1.0)
    apply = jax.jit(module.apply)
    variables = module.init(KEY, x[:, :28, :28])
    still, moved = apply(variables, x[:, :28, :28]), apply(variables, x[:, 2:, 1:29])
    assert still.shape == (1, 28 * factor, 28 * factor, 3)
    # An edge is seen at most 10 pixels far: 4 + 2 + 1 + 1, and 2 by the last convolution.
    inner = slice(13 * factor, 14 * factor)
    rows = slice(inner.start - 2 * factor, inner.stop - 2 * factor)
    columns = slice(inner.start - factor, inner.stop - factor)
    np.testing.assert_allclose(moved[:, rows, columns], still[:, inner, inner], atol=1e-5)
    assert np.abs(still[:, inner, inner] - moved[:, inner, inner]).max() > 1e-3


def test_the_first_features_are_led_around_the_blocks():
    module = SRResNet(2, width=4, blocks=2)
    x = jax.random.uniform(KEY, (2, 6, 8, 1))
    variables = module.init(KEY, x)
    params = dict(variables["params"])
    params["fusion"] = jax.tree.map(jnp.zeros_like, params["fusion"])
    seen = module.apply({**variables, "params": params}, x)
    short = module.clone(blocks=0, norm=None).apply({"params": params}, x)
    np.testing.assert_allclose(seen, short, atol=1e-6)


def test_images_end_as_the_activation_says():
    x = jax.random.uniform(KEY, (2, 6, 6, 3))
    module = SRResNet(2, width=2, blocks=1)
    variables = module.init(KEY, x)
    plain = module.clone(out_activation=None).apply(variables, x)
    np.testing.assert_allclose(module.apply(variables, x), np.tanh(plain), atol=1e-6)
    narrow = module.clone(dtype=jnp.bfloat16).apply(variables, x)
    assert narrow.dtype == jnp.float32
    assert 1e-4 < float(jnp.abs(narrow - np.tanh(plain)).max()) < 0.1


def test_a_pooled_discriminator_takes_any_size():
    module = SRGANDiscriminator(width=1, hidden=3, pooled=True, norm=None)
    x = jax.random.normal(KEY, (2, 32, 48, 3))
    variables = module.init(KEY, x)
    tiled = jnp.ones((1, 16, 16, 3))
    assert module.apply(variables, x).shape == (2,)
    assert module.apply(variables, tiled).shape == (1,)
    row = SRGANDiscriminator(width=1, hidden=3, norm=None)
    params = row.init(KEY, tiled)["params"]
    # One pixel is left of 16 x 16: its mean and its row are the same.
    np.testing.assert_allclose(
        row.apply({"params": params}, tiled),
        module.apply({"params": params}, tiled),
        rtol=1e-6,
    )
    rows = jax.eval_shape(row.init, KEY, x)["params"]["hidden"]["kernel"]
    assert rows.shape == (2 * 3 * 8, 3)


@pytest.mark.parametrize("factor", [0, 1, 6])
def test_factors_that_no_shuffles_make(factor):
    with pytest.raises(ValueError, match=f"or another power of 2; got {factor}"):
        parameters(SRResNet(factor), 8, 8, 3)
