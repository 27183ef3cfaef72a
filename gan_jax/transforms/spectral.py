"""Spectral normalisation."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from gan_jax import prng, trees
from gan_jax.transforms.base import last_name, matrices, select
from gan_jax.types import Array, Key, Params, ParamTransform, PyTree, Scalar

_INIT_ITERATIONS = 15


def lookup_tables(path: str, leaf: Array) -> bool:
    """Selects parameters called "embedding", of shape (rows, features)."""
    del leaf
    return last_name(path) == "embedding"


def spectral_norm(
    *,
    where: trees.Where = matrices,
    transposed: trees.Where = lookup_tables,
    iterations: int = 1,
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

    A kernel of zeros (sigma below `eps`) passes undivided and keeps its vectors.

    Args:
        where: `(path, leaf) -> bool`, the parameters to normalise. Default: rank 2 or more.
        transposed: among them, those whose first axis is the output.
        iterations: power iterations per update.
        eps: norms and sigmas up to this count as zero.

    Raises:
        ValueError: fewer than 1 iteration; at `init`, nothing is selected.
    """
    if iterations < 1:
        raise ValueError(f"spectral_norm needs 1 or more iterations, got {iterations}")

    def matrix(path: str, leaf: Array) -> Array:
        wide = leaf.astype(_at_least_float32(leaf))
        if transposed(path, leaf):
            return wide.reshape(leaf.shape[0], -1)
        return wide.reshape(-1, leaf.shape[-1]).T

    def matrices_of(params: Params) -> dict[str, Array]:
        chosen = select("spectral_norm", where, params)
        return {path: matrix(path, leaf) for path, leaf in chosen.items()}

    def init(params: Params, key: Key) -> PyTree:
        return {
            path: _start(w, prng.fold_name(key, path), eps)
            for path, w in matrices_of(params).items()
        }

    def update(params: Params, state: PyTree) -> PyTree:
        new = dict(state)
        for path, w in matrices_of(jax.lax.stop_gradient(params)).items():
            for _ in range(iterations):
                new[path] = _power_iteration(w, new[path], eps)
        return new

    def apply(params: Params, state: PyTree) -> Params:
        def one(path: str, leaf: Array) -> Array:
            if not where(path, leaf):
                return leaf
            sigma = _sigma(matrix(path, leaf), state[path])
            divisor = jnp.where(jnp.abs(sigma) > eps, sigma, 1.0)
            return (leaf.astype(divisor.dtype) / divisor).astype(leaf.dtype)

        return trees.map_with_path(one, params)

    return ParamTransform(init, update, apply)


def _at_least_float32(leaf: Array) -> jax.typing.DTypeLike:
    return jnp.float32 if jnp.finfo(leaf.dtype).bits < 32 else leaf.dtype


def _start(w: Array, key: Key, eps: float) -> dict[str, Array]:
    key_u, key_v = jax.random.split(key)
    rows, columns = w.shape
    vectors = {
        "u": _unit(jax.random.normal(key_u, (rows,), w.dtype)),
        "v": _unit(jax.random.normal(key_v, (columns,), w.dtype)),
    }
    return jax.lax.fori_loop(
        0, _INIT_ITERATIONS, lambda _, old: _power_iteration(w, old, eps), vectors
    )


def _unit(x: Array) -> Array:
    return x / jnp.linalg.norm(x)


def _power_iteration(w: Array, old: dict[str, Array], eps: float) -> dict[str, Array]:
    v = _unit_or(_product(w.T, old["u"]), old["v"], eps)
    u = _unit_or(_product(w, v), old["u"], eps)
    return {"u": u, "v": v}


def _unit_or(x: Array, fallback: Array, eps: float) -> Array:
    """The unit vector along x; for a zero x `fallback`, or no iteration would recover."""
    norm = jnp.linalg.norm(x)
    nonzero = norm > eps
    return jnp.where(nonzero, x / jnp.where(nonzero, norm, 1.0), fallback)


def _sigma(w: Array, vectors: dict[str, Array]) -> Scalar:
    u, v = jax.lax.stop_gradient((vectors["u"], vectors["v"]))
    return _product(u, _product(w, v))


def _product(a: Array, b: Array) -> Array:
    # Accelerators multiply float32 in fewer bits unless told otherwise.
    return jnp.matmul(a, b, precision=jax.lax.Precision.HIGHEST)
