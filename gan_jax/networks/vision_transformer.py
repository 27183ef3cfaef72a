"""The vision transformer (2010.11929) as DINO has it (2104.14294): features of its class
token after the last norm.
"""

from __future__ import annotations

from functools import partial

import jax
import jax.numpy as jnp
from flax import linen

from gan_jax.networks.frozen import Conv, Dense, linear
from gan_jax.types import Array

SIDE = 224
PATCH = 16
_EPSILON = 1e-6
_EXPANSION = 4

_LayerNorm = partial(linen.LayerNorm, epsilon=_EPSILON)


class VisionTransformer(linen.Module):
    """Features of normalised images.

    Shape: (n, side, side, 3) to (n, width).

    Attributes:
        width: of the tokens.
        heads: of the attention; they divide the width.
        depth: blocks.
        patch: side of the patches that become tokens.
    """

    width: int
    heads: int
    depth: int = 12
    patch: int = PATCH

    @linen.compact
    def __call__(self, x: Array) -> Array:
        n, window = x.shape[0], (self.patch, self.patch)
        x = Conv(self.width, window, self.patch, "VALID", linear, name="patches")(x)
        x = x.reshape(n, -1, self.width)
        zeros, count = linen.initializers.zeros, x.shape[1] + 1
        first = self.param("class_token", zeros, (1, 1, self.width))
        x = jnp.concatenate([jnp.broadcast_to(first, (n, 1, self.width)), x], axis=1)
        x = x + self.param("positions", zeros, (1, count, self.width))
        for number in range(self.depth):
            x = _Block(self.heads, name=f"block_{number}")(x)
        return _LayerNorm(name="norm")(x[:, 0])


class _Block(linen.Module):
    """Attention between tokens, then a perceptron of each: (n, tokens, width) to such."""

    heads: int

    @linen.compact
    def __call__(self, x: Array) -> Array:
        n, tokens, width = x.shape
        y = Dense(3 * width, name="qkv")(_LayerNorm(name="norm1")(x))
        y = y.reshape(n, tokens, 3, self.heads, width // self.heads)
        answers = _attend(y[:, :, 0], y[:, :, 1], y[:, :, 2])
        x = x + Dense(width, name="proj")(answers.reshape(n, tokens, width))
        y = Dense(_EXPANSION * width, name="fc1")(_LayerNorm(name="norm2")(x))
        return x + Dense(width, name="fc2")(jax.nn.gelu(y, approximate=False))


def _attend(query: Array, key: Array, value: Array) -> Array:
    """(n, tokens, heads, depth) each, to the same."""
    scores = jnp.einsum("nqhd,nkhd->nhqk", query, key) * query.shape[-1] ** -0.5
    return jnp.einsum("nhqk,nkhd->nqhd", jax.nn.softmax(scores, axis=-1), value)
