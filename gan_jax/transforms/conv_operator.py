"""Spectral normalisation of convolutions as operators on images.

`spectral_norm` reads a kernel (height, width, in, out) as a matrix, and what it divides by
is not the norm of the convolution: that may be up to sqrt(height * width) times larger, or
smaller. Here a kernel is the linear map from images (H, W, in) to (H, W, out) with stride
1 and "SAME" size. A convolution with the same kernel and a larger stride keeps some of its
outputs, so its norm is at most this one.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp

from gan_jax import prng, trees
from gan_jax.transforms.base import select
from gan_jax.transforms.power import (
    Iterations,
    UntilConvergence,
    Vectors,
    at_least_float32,
    check_iterations,
    from_random,
    iterate,
    relative_residual,
    unit,
    unit_or,
)
from gan_jax.types import Array, Key, Params, ParamTransform, PyTree, Scalar

Size = tuple[int, int]
ImageSize = Size | Callable[[str], Size]
"""(height, width) of a convolution's input in pixels, or `(path) -> (height, width)`."""


def conv_kernels(path: str, leaf: Array) -> bool:
    """Selects parameters of rank 4: kernels (height, width, in, out)."""
    del path
    return leaf.ndim == 4


def conv_spectral_norm(
    image: ImageSize,
    *,
    where: trees.Where = conv_kernels,
    iterations: Iterations = 1,
    eps: float = 1e-12,
) -> ParamTransform:
    """Divides kernels by the norm of the zero-padded convolution.

    Power iteration on the operator itself: v <- K^T u / ||K^T u||, u <- K v / ||K v||, and
    sigma = <u, K v>, as `spectral_norm` does with a matrix. The state is
    `{path: {"u": (H, W, out), "v": (H, W, in)}}`, unit vectors, at least float32; `init`
    draws them by path and runs 15 iterations. Sigma is differentiated through the kernel
    only. Parameters that are not selected pass untouched: `chain` this with a
    `spectral_norm` of the dense kernels.

    Args:
        image: size of the image each selected kernel is convolved with.
        where: `(path, leaf) -> bool`, the kernels. Default: rank 4.
        iterations: power iterations per update, or `UntilConvergence`.
        eps: norms and sigmas up to this count as zero.

    Raises:
        ValueError: fewer than 1 iteration; at `init`, nothing is selected.
    """
    check_iterations("conv_spectral_norm", iterations)

    begin = from_random(partial(_power_iteration, eps=eps))

    def start(kernel: Array, size: Size, key: Key) -> Vectors:
        return begin(kernel, _draw(kernel, size, key))

    def update(kernel: Array, old: Vectors) -> Vectors:
        return _padded_vectors(kernel, old, iterations, eps)

    return _operator_norm(
        "conv_spectral_norm", image, where, start, update, circular=False, eps=eps
    )


def circular_spectral_norm(
    image: ImageSize, *, where: trees.Where = conv_kernels, eps: float = 1e-12
) -> ParamTransform:
    """Divides kernels by the norm of the circular convolution, exactly.

    Sedghi, Gupta and Long 2018 (arXiv 1805.10408, theorem 6): the Fourier transform turns
    the circular convolution into one matrix (in, out) per frequency, whose singular values
    together are the operator's. Each update decomposes all of them; nothing is iterated.
    State, `apply` and what passes untouched are as with `conv_spectral_norm`.

    Args:
        image: size of the image each selected kernel is convolved with.
        where: `(path, leaf) -> bool`, the kernels. Default: rank 4.
        eps: sigmas up to this count as zero.

    Raises:
        ValueError: at `init`, nothing is selected.
    """

    def start(kernel: Array, size: Size, key: Key) -> Vectors:
        del key
        return _circular_vectors(kernel, size, eps)

    def update(kernel: Array, old: Vectors) -> Vectors:
        height, width, _ = old["v"].shape
        return _circular_vectors(kernel, (height, width), eps)

    return _operator_norm(
        "circular_spectral_norm", image, where, start, update, circular=True, eps=eps
    )


def circular_singular_values(kernel: Array, image: Size) -> Array:
    """All singular values of a circular convolution (arXiv 1805.10408, theorem 6).

    Args:
        kernel: (height, width, in, out); it may be larger than the image.
        image: (H, W), size of the image in pixels.

    Returns:
        (H, W, min(in, out)), at least float32, by frequency, descending within each.
    """
    wrapped = _wrap(kernel.astype(at_least_float32(kernel)), image)
    return jnp.linalg.svd(jnp.fft.fft2(wrapped, axes=(0, 1)), compute_uv=False)


class SpectralGap(NamedTuple):
    """Norms of one kernel, each at least float32 ().

    Attributes:
        reshaped: of the matrix (out, height * width * in), which `spectral_norm` tracks.
        padded: of the zero-padded convolution, which `conv_spectral_norm` tracks.
        circular: of the circular convolution, which `circular_spectral_norm` tracks.
    """

    reshaped: Scalar
    padded: Scalar
    circular: Scalar


_CONVERGED = UntilConvergence()


def spectral_gap(
    params: Params,
    image: ImageSize,
    *,
    where: trees.Where = conv_kernels,
    until: UntilConvergence = _CONVERGED,
) -> dict[str, SpectralGap]:
    """How far the norm of every kernel as a matrix is from its norm as an operator.

    Args:
        params: a parameter pytree.
        image: size of the image each selected kernel is convolved with.
        where: `(path, leaf) -> bool`, the kernels. Default: rank 4.
        until: precision of `padded`, found by power iteration from a fixed draw; the other
            two are exact.

    Returns:
        `{path: SpectralGap}`.

    Raises:
        ValueError: nothing is selected.
    """

    def one(path: str, kernel: Array) -> SpectralGap:
        kernel, size = kernel.astype(at_least_float32(kernel)), _size_of(image, path)
        matrix = kernel.reshape(-1, kernel.shape[-1])
        start = _draw(kernel, size, prng.fold_name(jax.random.key(0), path))
        found = _padded_vectors(kernel, start, until, 0.0)
        return SpectralGap(
            jnp.linalg.svd(matrix, compute_uv=False)[0],
            _sigma(kernel, found, circular=False),
            jnp.max(circular_singular_values(kernel, size)),
        )

    chosen = select("spectral_gap", where, params)
    return {path: one(path, leaf) for path, leaf in chosen.items()}


def _operator_norm(
    name: str,
    image: ImageSize,
    where: trees.Where,
    start: Callable[[Array, Size, Key], Vectors],
    step: Callable[[Array, Vectors], Vectors],
    *,
    circular: bool,
    eps: float,
) -> ParamTransform:
    """The transform, from how its vectors begin and how an update moves them."""

    def chosen(params: Params) -> dict[str, Array]:
        leaves = select(name, where, jax.lax.stop_gradient(params))
        return {path: x.astype(at_least_float32(x)) for path, x in leaves.items()}

    def init(params: Params, key: Key) -> PyTree:
        return {
            path: start(kernel, _size_of(image, path), prng.fold_name(key, path))
            for path, kernel in chosen(params).items()
        }

    def update(params: Params, state: PyTree) -> PyTree:
        new = {path: step(kernel, state[path]) for path, kernel in chosen(params).items()}
        return dict(state) | new

    def apply(params: Params, state: PyTree) -> Params:
        def one(path: str, leaf: Array) -> Array:
            if not where(path, leaf):
                return leaf
            wide = leaf.astype(at_least_float32(leaf))
            sigma = _sigma(wide, state[path], circular=circular)
            divisor = jnp.where(jnp.abs(sigma) > eps, sigma, 1.0)
            return (wide / divisor).astype(leaf.dtype)

        return trees.map_with_path(one, params)

    return ParamTransform(init, update, apply)


def _size_of(image: ImageSize, path: str) -> Size:
    return image(path) if callable(image) else image


# The operator.


def _windows(x: Array, window: Size, before: Size, *, circular: bool) -> Array:
    """What each pixel of a kernel sees of an image (H, W, C): (height, H, width, W, C).

    Entry (a, y, b, x) is the image at (y + a - before[0], x + b - before[1]).
    """
    sizes = x.shape[:2]
    rows, columns = (
        jnp.arange(k)[:, None] + jnp.arange(n)[None, :] - lo
        for k, n, lo in zip(window, sizes, before, strict=True)
    )
    seen = x[rows % sizes[0]][:, :, columns % sizes[1]]
    if circular:
        return seen
    inside = [(i >= 0) & (i < n) for i, n in zip((rows, columns), sizes, strict=True)]
    mask = inside[0][:, :, None, None, None] & inside[1][None, None, :, :, None]
    return jnp.where(mask, seen, 0.0)


def _forward(kernel: Array, v: Array, *, circular: bool) -> Array:
    """K v, the convolution of one image (H, W, in)."""
    windows = _windows(v, *_geometry(kernel), circular=circular)
    return _einsum("ahbwi,abio->hwo", windows, kernel)


def _adjoint(kernel: Array, u: Array, *, circular: bool) -> Array:
    """K^T u of one image (H, W, out)."""
    window, before = _geometry(kernel)
    after = window[0] - 1 - before[0], window[1] - 1 - before[1]
    windows = _windows(u, window, after, circular=circular)
    return _einsum("ahbwo,abio->hwi", windows, kernel[::-1, ::-1])


def _sigma(kernel: Array, vectors: Vectors, *, circular: bool) -> Scalar:
    """<u, K v>, linear in the kernel, whose derivative is therefore one array."""
    windows = _windows(vectors["v"], *_geometry(kernel), circular=circular)
    slope = _einsum("ahbwi,hwo->abio", windows, vectors["u"])
    return jnp.sum(kernel * jax.lax.stop_gradient(slope))


def _geometry(kernel: Array) -> tuple[Size, Size]:
    """Window and padding before the image, as "SAME" with stride 1 has them."""
    height, width = kernel.shape[:2]
    return (height, width), ((height - 1) // 2, (width - 1) // 2)


def _einsum(subscripts: str, a: Array, b: Array) -> Array:
    # Accelerators multiply float32 in fewer bits unless told otherwise.
    return jnp.einsum(subscripts, a, b, precision=jax.lax.Precision.HIGHEST)


# Its singular vectors.


def _draw(kernel: Array, size: Size, key: Key) -> Vectors:
    """Unit images in random directions."""
    key_u, key_v = jax.random.split(key)
    channels_in, channels_out = kernel.shape[2:]
    return {
        "u": unit(jax.random.normal(key_u, (*size, channels_out), kernel.dtype)),
        "v": unit(jax.random.normal(key_v, (*size, channels_in), kernel.dtype)),
    }


def _power_iteration(kernel: Array, old: Vectors, eps: float) -> Vectors:
    v = unit_or(_adjoint(kernel, old["u"], circular=False), old["v"], eps)
    u = unit_or(_forward(kernel, v, circular=False), old["u"], eps)
    return {"u": u, "v": v}


def _padded_vectors(
    kernel: Array, start: Vectors, iterations: Iterations, eps: float
) -> Vectors:
    def residual(vectors: Vectors) -> Array:
        pulled = _adjoint(kernel, vectors["u"], circular=False).reshape(1, -1)
        sigma = _sigma(kernel, vectors, circular=False).reshape(1)
        return relative_residual(pulled, sigma, vectors["v"].reshape(1, -1))

    return iterate(
        lambda old: _power_iteration(kernel, old, eps), residual, start, iterations
    )


def _circular_vectors(kernel: Array, size: Size, eps: float) -> Vectors:
    """The first singular vectors of the circular convolution, as real images.

    A singular vector of the matrix at a frequency, times that frequency's wave, is one of
    the operator, and so is its real part, for the kernel is real.
    """
    # The other half of the frequencies has the same matrices, conjugated.
    spectrum = jnp.fft.rfft2(_wrap(kernel, size), axes=(0, 1))
    tops = jnp.linalg.svd(spectrum, compute_uv=False)[..., 0]
    fy, fx = jnp.divmod(jnp.argmax(tops), tops.shape[1])
    # Our convolution is a correlation: it multiplies a wave by the conjugate matrix.
    vector = jnp.linalg.svd(spectrum[fy, fx].conj().T)[2][0].conj()
    wave = vector.reshape(1, 1, -1) * _wave(fy, fx, size, vector.real.dtype)[..., None]
    v = unit(_leading_real(vector, wave))
    u = unit_or(_forward(kernel, v, circular=True), _anything(size, kernel), eps)
    return {"u": u, "v": v}


def _wave(fy: Array, fx: Array, size: Size, dtype: jax.typing.DTypeLike) -> Array:
    """exp(2 pi i (fy y / H + fx x / W)), complex (H, W)."""
    height, width = size
    # Modulo in integers, or large products would lose the phase in float32.
    turns_y = (fy * jnp.arange(height) % height).astype(dtype) / height
    turns_x = (fx * jnp.arange(width) % width).astype(dtype) / width
    angle = 2.0 * jnp.pi * (turns_y[:, None] + turns_x[None, :])
    return jax.lax.complex(jnp.cos(angle), jnp.sin(angle))


def _leading_real(vector: Array, wave: Array) -> Array:
    """Real part of `wave`, turned so that the vector's largest entry is real: at a
    frequency that is its own mirror image the real part could otherwise be nothing.
    """
    leading = vector[jnp.argmax(jnp.abs(vector))]
    return (wave * (leading.conj() / jnp.abs(leading).astype(leading.dtype))).real


def _anything(size: Size, kernel: Array) -> Array:
    """Some unit image (H, W, out): a kernel of zeros has any."""
    return unit(jnp.ones((*size, kernel.shape[-1]), kernel.dtype))


def _wrap(kernel: Array, image: Size) -> Array:
    """The kernel on an image's torus, (H, W, in, out); what reaches further comes round."""
    folds = [-(-k // n) for k, n in zip(kernel.shape[:2], image, strict=True)]
    room = [m * n - k for m, n, k in zip(folds, image, kernel.shape[:2], strict=True)]
    padded = jnp.pad(kernel, [(0, room[0]), (0, room[1]), (0, 0), (0, 0)])
    split = padded.reshape(folds[0], image[0], folds[1], image[1], *kernel.shape[2:])
    return jnp.sum(split, axis=(0, 2))
