"""Self-attention over feature maps, as in SAGAN (1805.08318) and BigGAN (1809.11096)."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import jax
import jax.numpy as jnp
from flax import linen
from jax.typing import DTypeLike

from gan_jax import tracing
from gan_jax.nn.initializers import Initializer, glorot_uniform
from gan_jax.nn.layers import Conv
from gan_jax.types import Array

_SCORES = 2**16
"""Scores of an example in a chunk on CPU: a few of these stay in the second-level cache."""

_LANES = 16
"""Queries of a chunk fill the vector registers."""


def attend(query: Array, key: Array, value: Array, *, rows: int | None = None) -> Array:
    """`softmax(query keyᵀ) value`, not scaled by the root of the depth.

    Args:
        query: (B, N, D).
        key: (B, M, D), of the type of `query`.
        value: (B, M, E), of the type of `query`.
        rows: how many queries are answered at a time; None for all. With fewer than N the
            scores (B, rows, M) are forgotten and computed again in the backward pass,
            which is exact and keeps memory and caches free of (B, N, M). On CPU they are
            fewer where the scores would not stay in the cache.

    Returns:
        (B, N, E), of the type of `query`. Scores and softmax are at least float32.

    Raises:
        ValueError: less than one row.
    """
    if rows is not None and rows < 1:
        raise ValueError(f"attention needs 1 or more rows at a time, got {rows}")
    platform = tracing.current_platform()
    if platform == "cpu":
        return _answered_by_key(query, key, value, rows)
    answers = _answers if platform == "tpu" else _softmax_means
    if rows is None or query.shape[1] <= rows:
        return answers(query, key, value)
    forgetful = answers if platform == "tpu" else jax.checkpoint(answers)
    return _unrolled(forgetful, query, key, value, rows)


def _softmax_means(query: Array, key: Array, value: Array) -> Array:
    weights = jax.nn.softmax(_scores(query, key), axis=-1).astype(value.dtype)
    return jnp.einsum("bnm,bme->bne", weights, value)


def _unrolled(
    answers: Callable[[Array, Array, Array], Array],
    query: Array,
    key: Array,
    value: Array,
    rows: int,
) -> Array:
    """Chunks one after the other, in the backward pass too, because of the barriers."""
    parts = list[Array]()
    for start in range(0, query.shape[1], rows):
        chunk = query[:, start : start + rows]
        if parts:
            chunk, parts[-1] = _stored((chunk, parts[-1]))
        parts.append(answers(chunk, key, value))
    return jnp.concatenate(parts, axis=1)


# On TPUs, where the traffic of the memory bounds attention. XLA computes the forward pass
# without ever storing (B, N, M), but of the gradients that JAX derives it stores several
# such arrays in float32. Those here store the weights once, in the type of the values, and
# take the means of gradients of scores from the answers, as the flash algorithm does
# (2205.14135, algorithm 4). They can be differentiated again in every mode; only `jax.jvp`
# of attention by itself is refused.


_answers = jax.custom_vjp(_softmax_means)


def _forward(query: Array, key: Array, value: Array) -> tuple[Array, tuple[Array, ...]]:
    answers = _softmax_means(query, key, value)
    return answers, (query, key, value, answers, _log_sums(query, key))


def _backward(kept: tuple[Array, ...], given: Array) -> tuple[Array, Array, Array]:
    query, key, value, answers, log_sums = kept
    wide = log_sums.dtype
    weights = _stored(jnp.exp(_scores(query, key) - log_sums).astype(value.dtype))
    mean = (given.astype(wide) * answers.astype(wide)).sum(axis=-1, keepdims=True)

    def of_scores(weights: Array, given: Array, mean: Array, value: Array) -> Array:
        product = jnp.einsum("bne,bme->bnm", given, value, preferred_element_type=wide)
        return (weights.astype(wide) * (product - mean)).astype(value.dtype)

    # Computed for each product anew, which is less than to store and read it.
    of_query = jnp.einsum("bnm,bmd->bnd", of_scores(weights, given, mean, value), key)
    again = of_scores(*_stored((weights, given, mean, value)))
    of_key = jnp.einsum("bnm,bnd->bmd", again, query)
    return of_query, of_key, jnp.einsum("bnm,bne->bme", weights, given)


_answers.defvjp(_forward, _backward)


def _log_sums(query: Array, key: Array) -> Array:
    """Logarithms of the sums of exponentials of scores, (B, N, 1), at least float32.

    Maxima only keep the exponentials finite, so rounded ones do; both passes are products
    again, which XLA computes without storing the scores.
    """
    peaks = jnp.einsum("bnd,bmd->bnm", query, key).max(axis=-1, keepdims=True)
    query, key, peaks = _stored((query, key, peaks.astype(_wide(query))))
    powers = jnp.exp(_scores(query, key) - peaks).astype(query.dtype)
    ones = jnp.ones((*key.shape[:2], 1), query.dtype)
    sums = jnp.einsum("bnm,bme->bne", powers, ones, preferred_element_type=peaks.dtype)
    return peaks + jnp.log(sums)


def _scores(query: Array, key: Array) -> Array:
    return jnp.einsum("bnd,bmd->bnm", query, key, preferred_element_type=_wide(query))


_stored = jax.lax.optimization_barrier
"""Arrays as they are, computed once: XLA does not merge what is on either side."""


def _wide(x: Array) -> DTypeLike:
    """The type of scores."""
    return x.dtype if x.dtype == jnp.float64 else jnp.float32


# On CPU.


def _answered_by_key(query: Array, key: Array, value: Array, rows: int | None) -> Array:
    """Chunks in a `scan`: XLA drops barriers here and would hold all of them at once.

    Queries and values are turned before it, or every chunk would turn them.
    """
    b, n, depth = query.shape
    queries = query.swapaxes(1, 2)
    columns = jnp.concatenate([value, jnp.ones_like(value[..., :1])], -1).swapaxes(1, 2)
    rows = n if rows is None else min(rows, _fitting(key.shape[1]))
    if n <= rows:
        return _answers_by_key(queries, key, columns).swapaxes(1, 2)
    answers = jax.checkpoint(_answers_by_key, prevent_cse=False)
    even = n - n % rows
    chunks = jnp.moveaxis(queries[:, :, :even].reshape(b, depth, -1, rows), 2, 0)
    _, parts = jax.lax.scan(lambda _, q: (None, answers(q, key, columns)), None, chunks)
    most = jnp.moveaxis(parts, 0, 2).reshape(b, -1, even)
    if even < n:
        rest = jax.checkpoint(_answers_by_key)(queries[:, :, even:], key, columns)
        most = jnp.concatenate([most, rest], axis=2)
    return most.swapaxes(1, 2)


def _answers_by_key(queries: Array, key: Array, columns: Array) -> Array:
    """The same with queries last, along which XLA on CPU fills its vectors in the products
    and their gradients, since depth and values are few.

    Args:
        queries: (B, D, N).
        key: (B, M, D).
        columns: the values and a row of ones, by which the softmax is divided last,
            (B, E + 1, M).

    Returns:
        (B, E, N).
    """
    wide = _wide(key)
    scores = jnp.einsum("bmd,bdn->bmn", key, queries, preferred_element_type=wide)
    peaks = jax.lax.stop_gradient(scores.max(axis=1, keepdims=True))
    weights = jnp.exp(scores - peaks).astype(columns.dtype)
    sums = jnp.einsum("bem,bmn->ben", columns, weights, preferred_element_type=wide)
    return (sums[:, :-1] / sums[:, -1:]).astype(columns.dtype)


def _fitting(scores: int) -> int:
    """Rows of so many scores each that make a chunk."""
    return max(_SCORES // scores // _LANES, 1) * _LANES


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

    rows: int | None = 1024
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
