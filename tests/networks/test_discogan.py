"""DiscoGAN's generator: the authors' layers, and sizes that come back."""

from itertools import pairwise

import jax
import numpy as np
import pytest

from gan_jax import trees
from gan_jax.networks.discogan import EncoderDecoder
from gan_jax.nn.adapter import from_linen

KEY = jax.random.key(0)


def by_hand(bottleneck):
    """Kernels without biases, and two vectors of each batch norm."""
    widths = [64, 128, 256, 512]
    convs = [(3, 64), *pairwise(widths)]
    ups = [*zip(widths[:0:-1], widths[-2::-1], strict=True), (64, 3)]
    total = sum(16 * a * b for a, b in (*convs, *ups))
    total += sum(2 * width for width in (128, 256, 512, 256, 128, 64))
    if bottleneck:
        total += 2 * 16 * 512 * bottleneck + 2 * (bottleneck + 512)
    return total


@pytest.mark.parametrize(("bottleneck", "count"), [(None, 5_513_856), (100, 7_153_480)])
def test_sizes_are_the_authors(bottleneck, count):
    net = from_linen(EncoderDecoder(bottleneck=bottleneck), (64, 64, 3))
    assert trees.count(jax.eval_shape(net.init, KEY)[0]) == count == by_hand(bottleneck)


@pytest.mark.parametrize("bottleneck", [None, 3])
def test_images_come_back_in_their_size_and_range(bottleneck):
    module = EncoderDecoder(levels=2, out_channels=2, width=2, bottleneck=bottleneck)
    x = 50.0 * jax.random.normal(KEY, (3, 8, 12, 1))
    made, variables = module.init_with_output(KEY, x)
    assert made.shape == (3, 8, 12, 2)
    assert float(np.abs(made).max()) <= 1.0
    # Everything passes the middle: with its kernels at 0 nothing of the images is left.
    middle = "down_1" if bottleneck is None else "code"
    params = dict(variables["params"])
    params[middle] = jax.tree.map(lambda leaf: 0.0 * leaf, params[middle])
    blind = module.apply({**variables, "params": params}, x)
    np.testing.assert_allclose(blind, np.broadcast_to(blind[:1], blind.shape), atol=1e-6)


def test_other_sides_are_refused():
    with pytest.raises(ValueError, match="multiples of 4, got 8 x 10"):
        EncoderDecoder(levels=2).init(KEY, np.zeros((1, 8, 10, 3), np.float32))
