"""Convolutions on CPU: exact formulations that XLA compiles well there.

A convolution is a trilinear form T(x, k, y) = <conv(x, k), y> of an image, a kernel and an
output. Its three partial derivatives are the three operations here, and the gradient of
each consists of the other two, so that they may be differentiated any number of times:

    convolve(x, k)         = dT/dy    the convolution
    convolve_adjoint(y, k) = dT/dx    its input gradient; a transposed convolution
    correlate(x, y)        = dT/dk    its weight gradient

Each is written for XLA on CPU, which has a fast forward convolution and a fast `dot`, and
naive loops for weight gradients (most of all inside `scan`), for gradients of strided
convolutions and for few output channels.
"""

from __future__ import annotations

import math
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from gan_jax.types import Array

NHWC = ("NHWC", "HWIO", "NHWC")
Pads = tuple[tuple[int, int], tuple[int, int]]

_FEW = 8
"""Channels that do not fill a vector register."""

_ROWS = 2048
"""Pixels of a weight gradient's `dot`: two such operands stay in the second-level cache."""


class Geometry(NamedTuple):
    """What is static about a convolution.

    Attributes:
        image: (H, W) of the image.
        window: (KH, KW) of the kernel.
        strides: steps between outputs.
        pads: ((top, bottom), (left, right)); negative ones crop.
    """

    image: tuple[int, int]
    window: tuple[int, int]
    strides: tuple[int, int]
    pads: Pads

    @property
    def outputs(self) -> tuple[int, int]:
        """(H', W') of the output."""
        h, w = ((n + sum(pad) - k) // s + 1 for n, k, s, pad in zip(*self, strict=True))
        return h, w


def convolve(x: Array, kernel: Array, geometry: Geometry) -> Array:
    """The convolution: (B, H, W, I) with (KH, KW, I, O) to (B, H', W', O)."""
    if _pointwise(geometry):
        rows, columns = geometry.strides
        return jnp.einsum("bhwi,io->bhwo", x[:, ::rows, ::columns], kernel[0, 0])
    kernel, geometry = _widen(kernel, geometry)
    return _convolve(*_same_axes(x, kernel), geometry)


def convolve_adjoint(y: Array, kernel: Array, geometry: Geometry) -> Array:
    """The input gradient: (B, H', W', O) with (KH, KW, I, O) to (B, H, W, I)."""
    kernel, geometry = _widen(kernel, geometry)
    return _convolve_adjoint(*_same_axes(y, kernel), geometry)


def _pointwise(geometry: Geometry) -> bool:
    """Whether this is a matrix product per pixel."""
    return geometry.window == (1, 1) and geometry.pads == ((0, 0), (0, 0))


def _widen(kernel: Array, geometry: Geometry) -> tuple[Array, Geometry]:
    """Adds zeros to a kernel smaller than the strides: below, no residue lacks a tap."""
    more = [max(s - k, 0) for k, s in zip(geometry.window, geometry.strides, strict=True)]
    if not any(more):
        return kernel, geometry
    (kh, kw), ((top, bottom), (left, right)) = geometry.window, geometry.pads
    kernel = jnp.pad(kernel, ((0, more[0]), (0, more[1]), (0, 0), (0, 0)))
    pads = (top, bottom + more[0]), (left, right + more[1])
    return kernel, geometry._replace(window=(kh + more[0], kw + more[1]), pads=pads)


def _same_axes(x: Array, kernel: Array) -> tuple[Array, Array]:
    """Both operands varying over the same mapped axes (`shard_map`), since a custom
    gradient must vary as its operand does: the cast's own gradient is the sum over axes.
    """
    axes = _axes(x) | _axes(kernel)
    return _varying(x, axes), _varying(kernel, axes)


def _axes(x: Array) -> frozenset[str]:
    """The mapped axes that `x` varies over."""
    return jax.typeof(x).manual_axis_type.varying


def _varying(x: Array, axes: frozenset[str]) -> Array:
    missing = tuple(sorted(axes - _axes(x)))
    return lax.pcast(x, missing, to="varying") if missing else x


@partial(jax.custom_vjp, nondiff_argnums=(2,))
def _convolve(x: Array, kernel: Array, geometry: Geometry) -> Array:
    if kernel.shape[-1] <= _FEW and geometry.strides == (1, 1):
        return _dot_then_shift(x, kernel, geometry)
    return _native(x, kernel, geometry.strides, geometry.pads)


@partial(jax.custom_vjp, nondiff_argnums=(2,))
def _convolve_adjoint(y: Array, kernel: Array, geometry: Geometry) -> Array:
    if geometry.strides != (1, 1):
        return _phases(y, kernel, geometry)
    top, left = (
        (k - 1 - low, k - 1 - high)
        for k, (low, high) in zip(geometry.window, geometry.pads, strict=True)
    )
    flipped = kernel[::-1, ::-1].transpose(0, 1, 3, 2)
    reverse = Geometry(geometry.outputs, geometry.window, (1, 1), (top, left))
    return _convolve(y, flipped, reverse)


@partial(jax.custom_vjp, nondiff_argnums=(2,))
def _correlate(x: Array, y: Array, geometry: Geometry) -> Array:
    """(B, H, W, I) and (B, H', W', O) to (KH, KW, I, O), summed in float32."""
    blocks = _blocks(x.shape[0], math.prod(geometry.outputs))
    if blocks == 1:
        return _correlate_block(x, y, geometry).astype(x.dtype)

    def add(total: Array, block: tuple[Array, Array]) -> tuple[Array, None]:
        return total + _correlate_block(block[0], block[1], geometry), None

    xs, ys = (a.reshape(blocks, -1, *a.shape[1:]) for a in (x, y))
    first = _correlate_block(xs[0], ys[0], geometry)
    return lax.scan(add, first, (xs[1:], ys[1:]))[0].astype(x.dtype)


def _convolve_forward(
    x: Array, kernel: Array, geometry: Geometry
) -> tuple[Array, tuple[Array, Array]]:
    return _convolve(x, kernel, geometry), (x, kernel)


def _convolve_backward(
    geometry: Geometry, saved: tuple[Array, Array], dy: Array
) -> tuple[Array, Array]:
    x, kernel = saved
    return _convolve_adjoint(dy, kernel, geometry), _correlate(x, dy, geometry)


def _adjoint_forward(
    y: Array, kernel: Array, geometry: Geometry
) -> tuple[Array, tuple[Array, Array]]:
    return _convolve_adjoint(y, kernel, geometry), (y, kernel)


def _adjoint_backward(
    geometry: Geometry, saved: tuple[Array, Array], dx: Array
) -> tuple[Array, Array]:
    y, kernel = saved
    return _convolve(dx, kernel, geometry), _correlate(dx, y, geometry)


def _correlate_forward(
    x: Array, y: Array, geometry: Geometry
) -> tuple[Array, tuple[Array, Array]]:
    return _correlate(x, y, geometry), (x, y)


def _correlate_backward(
    geometry: Geometry, saved: tuple[Array, Array], dkernel: Array
) -> tuple[Array, Array]:
    x, y = saved
    return _convolve_adjoint(y, dkernel, geometry), _convolve(x, dkernel, geometry)


_convolve.defvjp(_convolve_forward, _convolve_backward)
_convolve_adjoint.defvjp(_adjoint_forward, _adjoint_backward)
_correlate.defvjp(_correlate_forward, _correlate_backward)


def _native(x: Array, kernel: Array, strides: tuple[int, int], pads: Pads) -> Array:
    """XLA's forward convolution. Under `vmap` over kernels (many seeds) one after another:
    batched, it would be a grouped convolution, which is several times slower.
    """

    def plain(x: Array, kernel: Array) -> Array:
        return lax.conv_general_dilated(x, kernel, strides, pads, dimension_numbers=NHWC)

    operation = jax.custom_batching.custom_vmap(plain)

    @operation.def_vmap
    def _(size: int, batched: list[bool], x: Array, kernel: Array) -> tuple[Array, bool]:
        if all(batched):
            return lax.map(lambda each: operation(*each), (x, kernel)), True
        axes = tuple(0 if is_batched else None for is_batched in batched)
        return jax.vmap(plain, axes, axis_size=size)(x, kernel), True

    return operation(x, kernel)


def _dot_then_shift(x: Array, kernel: Array, geometry: Geometry) -> Array:
    """Stride 1 and few outputs: one matrix product for every offset and output channel,
    channels first so that pixels fill the vector registers, then a sum of shifted images.
    """
    (kh, kw), (h, w) = geometry.window, geometry.outputs
    products = jnp.einsum("ijco,nhwc->ijonhw", kernel, x)
    top_left = [(0, 0, 0)] * 4 + [(low, high, 0) for low, high in geometry.pads]
    padded = lax.pad(products, jnp.zeros((), x.dtype), top_left)
    shifted = (
        padded[i, j, :, :, i : i + h, j : j + w] for i in range(kh) for j in range(kw)
    )
    return sum(shifted, jnp.zeros((), x.dtype)).transpose(1, 2, 3, 0)


def _phases(y: Array, kernel: Array, geometry: Geometry) -> Array:
    """The adjoint of a strided convolution without products by zeros: the pixels of each
    residue modulo the strides are a convolution with every stride-th row of the kernel.
    """
    sh, sw = geometry.strides
    flipped = kernel.transpose(0, 1, 3, 2)
    rows = [_phase(geometry, 0, residue) for residue in range(sh)]
    columns = [_phase(geometry, 1, residue) for residue in range(sw)]
    phases = []
    for tap_rows, vertical in rows:
        for tap_columns, horizontal in columns:
            sub = flipped[tap_rows, :][:, tap_columns]
            phases.append(_native(y, sub, (1, 1), (vertical, horizontal)))
    n, h, w, c = phases[0].shape
    blocks = jnp.stack(phases, axis=3).reshape(n, h, w, sh, sw, c)
    image = blocks.transpose(0, 1, 3, 2, 4, 5).reshape(n, h * sh, w * sw, c)
    return image[:, : geometry.image[0], : geometry.image[1]]


def _phase(geometry: Geometry, axis: int, residue: int) -> tuple[slice, tuple[int, int]]:
    """Along one axis, the taps (last first) that reach the pixels of a residue, and the
    padding of the output that makes one value per such pixel.
    """
    size, window, stride = (field[axis] for field in geometry[:3])
    low = geometry.pads[axis][0]
    count, start = -(-size // stride), (residue + low) // stride
    first = (residue + low) % stride
    taps = len(range(first, window, stride))
    last = first + stride * (taps - 1)
    padding = (taps - 1 - start, start + count - geometry.outputs[axis])
    return slice(last, first - 1 if first else None, -stride), padding


def _blocks(batch: int, pixels: int) -> int:
    """Into how many equal parts a batch is split so that each has about `_ROWS` pixels."""
    wanted = max(1, batch * pixels // _ROWS)
    return next(n for n in range(min(wanted, batch), batch + 1) if batch % n == 0)


def _correlate_block(x: Array, y: Array, geometry: Geometry) -> Array:
    """`_correlate` of a part of the batch, float32."""
    (kh, kw), few_inputs = geometry.window, x.shape[-1] <= _FEW
    x = _fit(x, geometry)
    if y.shape[-1] <= _FEW and geometry.strides == (1, 1) and not few_inputs:
        y = jnp.pad(y, ((0, 0), (kh - 1, kh - 1), (kw - 1, kw - 1), (0, 0)))
        patches = jnp.stack(_windows(y, geometry, x.shape[1:3])[::-1], axis=3)
        return _dot(x, patches).reshape(x.shape[-1], kh, kw, -1).transpose(1, 2, 0, 3)
    windows = _windows(x, geometry, y.shape[1:3])
    if few_inputs:
        products = _dot(jnp.stack(windows, axis=3), y)
    else:
        products = jnp.stack([_dot(window, y) for window in windows])
    return products.reshape(kh, kw, x.shape[-1], y.shape[-1])


def _fit(x: Array, geometry: Geometry) -> Array:
    """Pads or crops an image to exactly what the windows of all outputs cover."""
    edges = [(0, 0, 0)]
    for n, k, s, (low, _), h in zip(*geometry, geometry.outputs, strict=True):
        edges.append((low, s * (h - 1) + k - n - low, 0))
    return lax.pad(x, jnp.zeros((), x.dtype), [*edges, (0, 0, 0)])


def _windows(x: Array, geometry: Geometry, size: tuple[int, ...]) -> list[Array]:
    """The images of `size` that the taps of the kernel see, in row-major order of taps."""
    (kh, kw), (sh, sw), (h, w) = geometry.window, geometry.strides, size
    return [
        x[:, i : i + sh * (h - 1) + 1 : sh, j : j + sw * (w - 1) + 1 : sw]
        for i in range(kh)
        for j in range(kw)
    ]


def _dot(a: Array, b: Array) -> Array:
    """Sum over pixels of outer products of channels, float32."""
    axes = ((0, 1, 2), (0, 1, 2))
    return lax.dot_general(a, b, (axes, ((), ())), preferred_element_type=jnp.float32)
