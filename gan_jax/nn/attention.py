"""Self-attention over feature maps, as in SAGAN (1805.08318) and BigGAN (1809.11096)."""

from __future__ import annotations

from functools import partial

import jax
import jax.numpy as jnp
from flax import linen
from jax.typing import DTypeLike

from gan_jax import tracing
from gan_jax.nn.initializers import Initializer, glorot_uniform
from gan_jax.nn.layers import Conv
from gan_jax.types import Array


def attend(query: Array, key: Array, value: Array, *, rows: int | None = None) -> Array:
    """`softmax(query keyᵀ) value`, not scaled by the root of the depth.

    Args:
        query: (B, N, D).
        key: (B, M, D), of the type of `query`.
        value: (B, M, E), of the type of `query`.
        rows: how many queries are answered at a time; None for all. With fewer than N the
            scores (B, rows, M) are forgotten and computed again in the backward pass,
            which is exact and keeps memory and caches free of (B, N, M).

    Returns:
        (B, N, E), of the type of `query`. Scores and softmax are at least float32.

    Raises:
        ValueError: less than one row.
    """
    if rows is None or query.shape[1] <= rows:
        return _answers(query, key, value)
    if rows < 1:
        raise ValueError(f"attention needs 1 or more rows at a time, got {rows}")
    if tracing.current_platform() == "cpu":
        return _scanned(query, key, value, rows)
    return _unrolled(query, key, value, rows)


def _answers(query: Array, key: Array, value: Array) -> Array:
    wide = query.dtype if query.dtype == jnp.float64 else jnp.float32
    scores = jnp.einsum("bnd,bmd->bnm", query, key, preferred_element_type=wide)
    weights = jax.nn.softmax(scores, axis=-1).astype(value.dtype)
    return jnp.einsum("bnm,bme->bne", weights, value)


def _unrolled(query: Array, key: Array, value: Array, rows: int) -> Array:
    """Chunks in a Python loop, as XLA's cost model counts the body of a `scan` only once.

    Barriers make it as sequential as one, in the backward pass too.
    """
    answers, parts = jax.checkpoint(_answers), list[Array]()
    for start in range(0, query.shape[1], rows):
        chunk = query[:, start : start + rows]
        if parts:
            chunk, parts[-1] = jax.lax.optimization_barrier((chunk, parts[-1]))
        parts.append(answers(chunk, key, value))
    return jnp.concatenate(parts, axis=1)


def _scanned(query: Array, key: Array, value: Array, rows: int) -> Array:
    """Chunks in a `scan`: on CPU XLA drops barriers and would hold all of them at once."""
    b, n, depth = query.shape
    even = n - n % rows
    chunks = jnp.moveaxis(query[:, :even].reshape(b, -1, rows, depth), 1, 0)
    answers = jax.checkpoint(_answers, prevent_cse=False)
    _, parts = jax.lax.scan(lambda _, q: (None, answers(q, key, value)), None, chunks)
    most = jnp.moveaxis(parts, 0, 1).reshape(b, even, -1)
    if even == n:
        return most
    rest = jax.checkpoint(_answers)(query[:, even:], key, value)
    return jnp.concatenate([most, rest], axis=1)


class SelfAttention(linen.Module):
    """`x + gamma * output(attention)`: every place looks at all 2 x 2 blocks of places.

    Keys and values are the maxima of their blocks; the depth is an eighth of the channels,
    the values have half of them. This is the authors' code, and BigGAN's; the paper's text
    has neither maxima nor fewer values. `gamma` starts at 0. The kernels are
    "query/kernel", "key/kernel", "value/kernel" and "output/kernel", without biases.

    Attributes:
        rows: see `attend`.
        kernel_init: initialiser of the kernels.
        dtype: compute type; parameters, scores and softmax are float32.
    """

    rows: int | None = 512
    kernel_init: Initializer = glorot_uniform()
    dtype: DTypeLike = jnp.float32

    @linen.compact
    def __call__(self, x: Array) -> Array:
        """Maps (B, H, W, C) to (B, H, W, C); blocks at odd edges are smaller."""
        b, h, w, c = x.shape
        x = x.astype(self.dtype)
        conv = partial(
            Conv,
            use_bias=False,
            kernel_init=self.kernel_init,
            dtype=self.dtype,
            kernel_size=(1, 1),
        )
        depth, width = max(c // 8, 1), max(c // 2, 1)
        query = conv(depth, name="query")(x).reshape(b, h * w, depth)
        key = max_pool(conv(depth, name="key")(x)).reshape(b, -1, depth)
        value = max_pool(conv(width, name="value")(x)).reshape(b, -1, width)
        seen = attend(query, key, value, rows=self.rows).reshape(b, h, w, width)
        gamma = self.param("gamma", jax.nn.initializers.zeros, (), jnp.float32)
        return x + gamma.astype(self.dtype) * conv(c, name="output")(seen)


def max_pool(x: Array) -> Array:
    """Maximum of every 2 x 2 block, (B, H, W, C) to (B, ceil(H / 2), ceil(W / 2), C); the
    last blocks of odd sides are smaller.
    """
    odd = [(0, 0), (0, x.shape[1] % 2), (0, x.shape[2] % 2), (0, 0)]
    x = jnp.pad(x, odd, mode="edge")
    rows = jnp.maximum(x[:, ::2], x[:, 1::2])
    return jnp.maximum(rows[:, :, ::2], rows[:, :, 1::2])


def check_attention(attention: tuple[int, ...], blocks: int) -> None:
    """Refuses attention after blocks that a network does not have.

    Raises:
        ValueError: an index is not one of the blocks'.
    """
    strange = [index for index in attention if not 0 <= index < blocks]
    if strange:
        raise ValueError(
            f"this network has no block {strange[0]} for attention to follow: its "
            f"{blocks} blocks are 0 to {blocks - 1}"
        )
