"""Penalties on parameters alone."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from gan_jax import trees
from gan_jax.types import Array, ParamPenalty, Params, Scalar


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
        gram = jnp.matmul(kernel.T, kernel, precision=jax.lax.Precision.HIGHEST)
        eye = jnp.eye(gram.shape[0], dtype=jnp.float32)
        return jnp.sum(jnp.square(gram * (1.0 - eye) if modified else gram - eye))

    def penalty(params: Params) -> Scalar:
        leaves = [x for path, x in trees.leaves_with_path(params) if where(path, x)]
        if not leaves:
            raise ValueError(
                "the orthogonal penalty found no parameter to penalise; widen `where`"
            )
        return sum((one(leaf) for leaf in leaves), jnp.zeros((), jnp.float32))

    return ParamPenalty(penalty)
