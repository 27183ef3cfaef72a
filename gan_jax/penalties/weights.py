"""Penalties on parameters alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp

from gan_jax import trees
from gan_jax.types import Array, ParamPenalty, Params, PyTree, Scalar


def _matrices(path: str, leaf: Array) -> bool:
    del path
    return leaf.ndim >= 2


def orthogonal(*, where: trees.Where = _matrices, modified: bool = True) -> ParamPenalty:
    """Orthogonal regularisation, Brock et al. 2018 (arXiv 1809.11096, section 3.1).

    Kernels (..., in, out) are flattened to W of shape (prod(...) * in, out), and their
    penalties are added:

        modified: ||W^T W * (1 - I)||_F^2 (equation 3: only different filters are pushed
            apart, their norms are free);
        standard: ||W^T W - I||_F^2 (equation 2).

    A weight of s in BigGAN's published PyTorch code, which adds s times half of this
    function's gradient, is a weight of s / 2 here.

    Args:
        where: `(path, leaf) -> bool`, the leaves to penalise. Default: every leaf of rank
            2 or more; the paper leaves out embedding tables.
        modified: which of the two.

    Returns:
        `(params) -> scalar`, float32. It raises ValueError where nothing is selected.
    """

    def one(leaf: Array) -> Scalar:
        kernel = leaf.astype(jnp.float32).reshape(-1, leaf.shape[-1])
        rows, columns = kernel.shape
        return (_wide if columns >= 2 * rows else _tall)(kernel, modified)

    return _sum_over("orthogonal", where, one)


def _tall(kernel: Array, modified: bool) -> Scalar:
    gram = _gram(kernel)
    eye = jnp.eye(gram.shape[0], dtype=jnp.float32)
    return jnp.sum(jnp.square(gram * (1.0 - eye) if modified else gram - eye))


def _wide(kernel: Array, modified: bool) -> Scalar:
    """The same by the smaller matrix W W^T, as ||W^T W||_F = ||W W^T||_F: BigGAN's first
    kernel is (20, 24576). So many columns are far from orthogonal, so that the differences
    lose no digits.
    """
    whole = jnp.sum(jnp.square(_gram(kernel.T)))
    squares = jnp.sum(jnp.square(kernel), axis=0)
    if modified:
        return whole - jnp.sum(jnp.square(squares))
    return whole - 2.0 * jnp.sum(squares) + kernel.shape[1]


@jax.custom_jvp
def _gram(kernel: Array) -> Array:
    """W^T W. Its derivative dW^T W + W^T dW is one product and its transpose, which JAX
    would compute, and transpose into gradients, as two products.
    """
    return _product(kernel, kernel)


@_gram.defjvp
def _gram_derivative(primals: tuple[Array], tangents: tuple[Array]) -> tuple[Array, Array]:
    half = _product(primals[0], tangents[0])
    return _gram(primals[0]), half + half.T


def _product(a: Array, b: Array) -> Array:
    return jnp.matmul(a.T, b, precision=jax.lax.Precision.HIGHEST)


def weight_decay(*, where: trees.Where = _matrices) -> ParamPenalty:
    """L2 regularisation, 1/2 ||theta||_2^2, whose gradient is theta itself.

    A part of the loss: an adaptive optimizer rescales it with the rest of the gradient. The
    decoupled kind is `optax.adamw`'s.

    Args:
        where: `(path, leaf) -> bool`, the leaves to penalise. Default: every leaf of rank
            2 or more, which leaves out biases and the gains of norms.

    Returns:
        `(params) -> scalar`, float32. It raises ValueError where nothing is selected.
    """
    return _sum_over("weight decay", where, lambda leaf: 0.5 * _squared(leaf))


def _sum_over(
    name: str, where: trees.Where, one: Callable[[Array], Scalar]
) -> ParamPenalty:
    """The sum of `one` over the selected leaves."""

    def penalty(params: Params) -> Scalar:
        leaves = [x for path, x in trees.leaves_with_path(params) if where(path, x)]
        if not leaves:
            raise ValueError(
                f"the {name} penalty found no parameter to penalise; widen `where`"
            )
        return sum((one(leaf) for leaf in leaves), jnp.zeros((), jnp.float32))

    return ParamPenalty(penalty)


def _squared(leaf: Array) -> Scalar:
    return jnp.sum(jnp.square(leaf.astype(jnp.float32)))


class HistoricalAverage(NamedTuple):
    """What `historical_averaging` remembers.

    Attributes:
        mean: mean of the past parameters, in their structure, float32.
        terms: how many it is the mean of, int32 ().
    """

    mean: PyTree
    terms: Array


def historical_average(params: Params) -> HistoricalAverage:
    """The average of nothing yet, for parameters (or abstract ones) of these shapes."""
    zeros = jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, jnp.float32), params)
    return HistoricalAverage(zeros, jnp.zeros((), jnp.int32))


def historical_averaging(
    params: Params, average: HistoricalAverage
) -> tuple[Scalar, HistoricalAverage]:
    """Historical averaging, Salimans et al. 2016 (arXiv 1606.03498, section 3.3).

    ||theta - (1/t) sum_i theta[i]||^2 over the t past values of the parameters, which are
    constants of the gradient; 0 at the first call. The present value then enters the mean.

    Args:
        params: the parameters of a player.
        average: what this function returned before, or `historical_average(params)`.

    Returns:
        The penalty, float32 (), and the new average.
    """
    fixed = jax.lax.stop_gradient(average)
    gaps = jax.tree.map(lambda x, m: x.astype(jnp.float32) - m, params, fixed.mean)
    total = sum(map(_squared, jax.tree.leaves(gaps)), jnp.zeros((), jnp.float32))
    weight = 1.0 / (fixed.terms + 1).astype(jnp.float32)
    mean = jax.tree.map(
        lambda m, gap: m + weight * jax.lax.stop_gradient(gap), fixed.mean, gaps
    )
    penalty = jnp.where(fixed.terms > 0, total, 0.0)
    return penalty, HistoricalAverage(mean, fixed.terms + 1)
