"""The pool of generated images, row by row, on one device and on eight."""

import jax
import jax.numpy as jnp
import numpy as np

from gan_jax import prng
from gan_jax.methods.pool import empty_pool, exchange

SIZE, SHAPE = 5, (1, 1, 1)


def by_hand(stored, images, keys):
    """The rule of the authors' code, in Python."""
    shown = []
    for image, key in zip(images, prng.stream(keys, "pool"), strict=True):
        swap = bool(jax.random.bernoulli(key, 0.5))
        place = int(jax.random.randint(prng.stream(key, "place"), (), 0, SIZE))
        if len(stored) < SIZE:
            stored.append(image)
            shown.append(image)
        elif swap:
            shown.append(stored[place])
            stored[place] = image
        else:
            shown.append(image)
    return shown


def test_images_are_exchanged_as_by_hand():
    pool, stored = empty_pool(SIZE, SHAPE), []
    step = jax.jit(exchange)
    seen = []
    for turn in range(4):
        images = jnp.arange(4.0).reshape(4, *SHAPE) + 10.0 * turn
        keys = jax.random.split(jax.random.key(turn), 4)
        shown, pool = step(pool, images, keys)
        expected = by_hand(stored, np.asarray(images).ravel().tolist(), keys)
        np.testing.assert_array_equal(shown.ravel(), expected)
        np.testing.assert_array_equal(pool.images.ravel()[: len(stored)], stored)
        assert int(pool.filled) == len(stored)
        seen += [bool(a != b) for a, b in zip(expected, images.ravel(), strict=True)]
    assert any(seen)  # some were older ones
    assert not all(seen[SIZE:])  # and some not
