"""Spectral normalisation of kernels read as matrices."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from gan_jax import prng, trees
from gan_jax.transforms.base import last_name, matrices, select
from gan_jax.transforms.power import (
    Iterations,
    Vectors,
    at_least_float32,
    check_iterations,
    from_random,
    iterate,
    relative_residual,
    unit,
    unit_or,
)
from gan_jax.types import Array, Key, Params, ParamTransform, PyTree


def lookup_tables(path: str, leaf: Array) -> bool:
    """Selects parameters called "embedding", of shape (rows, features)."""
    del leaf
    return last_name(path) == "embedding"


def spectral_norm(
    *,
    where: trees.Where = matrices,
    transposed: trees.Where = lookup_tables,
    vectors: int = 1,
    iterations: Iterations = 1,
    eps: float = 1e-12,
) -> ParamTransform:
    """Divides kernels by their largest singular value.

    Miyato et al. 2018 (arXiv 1802.05957). A kernel (..., in, out) is read as the matrix W
    of shape (out, prod(...) * in), a lookup table (rows, features) as itself: as PyTorch's
    `spectral_norm` reads its own layouts, so its vectors carry over. The state is
    `{path: {"u": (out,), "v": (prod(...) * in,)}}`, unit vectors, float32.

        update: v <- W^T u / ||W^T u||, then u <- W v / ||W v||   (algorithm 1)
        apply:  W / sigma, sigma = u^T W v                         (equation 8)

    `apply` uses the vectors as they are and takes them for constants; sigma is
    differentiated through W (equation 12). `init` draws u and v by the parameter's path and
    runs 15 iterations. Products are float32 in full precision on every backend.

    With several vectors they are the columns of u (out, k) and v (prod(...) * in, k), as
    many as the matrix has singular values if those are fewer. An update is then a block
    power iteration: v <- orthonormal basis of W^T u, u <- orthonormal basis of W v, both
    rotated to singular vectors within their spaces, largest first. `apply` divides by the
    first value all the same, which a block finds sooner; the others are for watching
    (`singular_values`).

    A kernel of zeros (sigma below `eps`) passes undivided and keeps its vectors.

    Args:
        where: `(path, leaf) -> bool`, the parameters to normalise. Default: rank 2 or more.
        transposed: among them, those whose first axis is the output.
        vectors: k, how many singular values are tracked.
        iterations: power iterations per update, or `UntilConvergence`.
        eps: norms and sigmas up to this count as zero.

    Raises:
        ValueError: fewer than 1 vector or iteration; at `init`, nothing is selected.
    """
    check_iterations("spectral_norm", iterations)
    if vectors < 1:
        raise ValueError(f"spectral_norm needs 1 or more vectors, got {vectors}")

    def matrices_of(params: Params) -> dict[str, Array]:
        chosen = select("spectral_norm", where, params)
        return {path: _matrix(path, leaf, transposed) for path, leaf in chosen.items()}

    def step(w: Array, old: Vectors) -> Vectors:
        return _power_iteration(w, old, eps) if vectors == 1 else _block(w, old, eps)

    begin = from_random(step)

    def init(params: Params, key: Key) -> PyTree:
        def one(path: str, w: Array) -> Vectors:
            start = _draw(w, vectors, prng.fold_name(key, path))
            return begin(w, start)

        return {path: one(path, w) for path, w in matrices_of(params).items()}

    def update(params: Params, state: PyTree) -> PyTree:
        def one(w: Array, old: Vectors) -> Vectors:
            return iterate(lambda v: step(w, v), lambda v: _residual(w, v), old, iterations)

        fixed = matrices_of(jax.lax.stop_gradient(params))
        return dict(state) | {path: one(w, state[path]) for path, w in fixed.items()}

    def apply(params: Params, state: PyTree) -> Params:
        def one(path: str, leaf: Array) -> Array:
            if not where(path, leaf):
                return leaf
            known = jax.lax.stop_gradient(state[path])
            sigma = _sigmas(_matrix(path, leaf, transposed), known)[0]
            divisor = jnp.where(jnp.abs(sigma) > eps, sigma, 1.0)
            return (leaf.astype(divisor.dtype) / divisor).astype(leaf.dtype)

        return trees.map_with_path(one, params)

    return ParamTransform(init, update, apply)


def singular_values(
    params: Params, state: PyTree, *, transposed: trees.Where = lookup_tables
) -> dict[str, Array]:
    """The singular values that a `spectral_norm` tracks, as its vectors have them now.

    Args:
        params: the trained parameters.
        state: the transform's state.
        transposed: as given to the transform.

    Returns:
        `{path: (k,)}`, u_i^T W v_i, at least float32; largest first up to what the
        iteration has not yet found out.
    """
    leaves = dict(trees.leaves_with_path(params))
    return {
        path: _sigmas(_matrix(path, leaves[path], transposed), vectors)
        for path, vectors in state.items()
    }


def _matrix(path: str, leaf: Array, transposed: trees.Where) -> Array:
    wide = leaf.astype(at_least_float32(leaf))
    if transposed(path, leaf):
        return wide.reshape(leaf.shape[0], -1)
    return wide.reshape(-1, leaf.shape[-1]).T


def _draw(w: Array, vectors: int, key: Key) -> Vectors:
    """Unit vectors, or orthonormal columns, in random directions."""
    key_u, key_v = jax.random.split(key)
    rows, columns = w.shape
    if vectors == 1:
        return {
            "u": unit(jax.random.normal(key_u, (rows,), w.dtype)),
            "v": unit(jax.random.normal(key_v, (columns,), w.dtype)),
        }
    k = min(vectors, rows, columns)
    return {
        "u": _basis(jax.random.normal(key_u, (rows, k), w.dtype)),
        "v": _basis(jax.random.normal(key_v, (columns, k), w.dtype)),
    }


def _power_iteration(w: Array, old: Vectors, eps: float) -> Vectors:
    v = unit_or(_product(w.T, old["u"]), old["v"], eps)
    u = unit_or(_product(w, v), old["u"], eps)
    return {"u": u, "v": v}


def _block(w: Array, old: Vectors, eps: float) -> Vectors:
    """Block power iteration, and singular vectors of W within the spaces it gives."""
    v = _basis(_product(w.T, old["u"]))
    image = _product(w, v)
    u = _basis(image)
    left, _, right = jnp.linalg.svd(_product(u.T, image))
    nonzero = jnp.linalg.norm(image) > eps
    return {
        "u": jnp.where(nonzero, _product(u, left), old["u"]),
        "v": jnp.where(nonzero, _product(v, right.T), old["v"]),
    }


def _basis(x: Array) -> Array:
    """Orthonormal columns that span the columns of x."""
    return jnp.linalg.qr(x)[0]


def _residual(w: Array, vectors: Vectors) -> Array:
    pulled = _product(w.T, vectors["u"])
    rows = (x.T.reshape(-1, x.shape[0]) for x in (pulled, vectors["v"]))
    return relative_residual(next(rows), _sigmas(w, vectors), next(rows))


def _sigmas(w: Array, vectors: Vectors) -> Array:
    """u_i^T W v_i of every pair, (k,)."""
    u, v = vectors["u"], vectors["v"]
    if u.ndim == 1:
        return _product(u, _product(w, v)).reshape(1)
    return jnp.sum(u * _product(w, v), axis=0)


def _product(a: Array, b: Array) -> Array:
    # Accelerators multiply float32 in fewer bits unless told otherwise.
    return jnp.matmul(a, b, precision=jax.lax.Precision.HIGHEST)
