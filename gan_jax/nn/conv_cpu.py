"""Convolutions on CPU, exact, fast, and differentiable in every mode.

A convolution is a trilinear form T(x, k, y) = <x * k, y> of an image, a kernel and an
output. Its partial derivatives are three bilinear operations, and the derivatives of each
of them are the other two:

    convolve(x, k)  = dT/dy    the convolution
    spread(y, k)    = dT/dx    its input gradient; a transposed convolution
    correlate(x, y) = dT/dk    its weight gradient

They are JAX primitives here, so that every derivative of any order, forward or reverse, is
computed as well as the operations themselves. Strides are folded away: the pixels of a
stride become channels, or kernels of their own, and what remains has stride 1
(`gan_jax.nn.conv_forms`).
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax
from jax.extend.core import Primitive
from jax.interpreters import ad, batching, mlir

from gan_jax.nn import conv_forms
from gan_jax.nn.conv_forms import Pads, Pair, resize
from gan_jax.types import Array


class Geometry(NamedTuple):
    """What is static about a convolution.

    Attributes:
        image: (H, W) of the image.
        window: (KH, KW) of the kernel.
        strides: steps between outputs.
        pads: ((top, bottom), (left, right)); negative ones crop.
    """

    image: Pair
    window: Pair
    strides: Pair
    pads: Pads

    @property
    def outputs(self) -> Pair:
        """(H', W') of the output."""
        h, w = ((n + sum(pad) - k) // s + 1 for n, k, s, pad in zip(*self, strict=True))
        return h, w

    @property
    def edges(self) -> Pads:
        """What an image lacks of what the windows of all outputs cover, windows being
        completed to whole multiples of the strides.
        """
        vertical, horizontal = (
            (low, s * (m - 1 + -(-k // s)) - n - low)
            for n, k, s, (low, _), m in zip(*self, self.outputs, strict=True)
        )
        return vertical, horizontal


def convolve(x: Array, kernel: Array, geometry: Geometry) -> Array:
    """The convolution: (B, H, W, I) with (KH, KW, I, O) to (B, H', W', O)."""
    if geometry.window == (1, 1) and geometry.pads == ((0, 0), (0, 0)):
        rows, columns = geometry.strides
        return jnp.einsum("bhwi,io->bhwo", x[:, ::rows, ::columns], kernel[0, 0])
    return _bind(_convolve_p, x, kernel, geometry)


def spread(y: Array, kernel: Array, geometry: Geometry) -> Array:
    """The input gradient: (B, H', W', O) with (KH, KW, I, O) to (B, H, W, I)."""
    return _bind(_spread_p, y, kernel, geometry)


# What the primitives compute.


def _convolve(x: Array, kernel: Array, *, geometry: Geometry) -> Array:
    if geometry.strides == (1, 1):
        return conv_forms.convolve(x, kernel, pads=geometry.pads)
    if conv_forms.strided_pays(geometry.window, geometry.strides, kernel.shape[2:]):
        whole = resize(x, geometry.pads)
        return conv_forms.convolve_strided(whole, kernel, geometry.strides)
    folded = _fold(resize(x, geometry.edges), geometry.strides)
    return conv_forms.convolve(folded, _fold_kernel(kernel, geometry.strides))


def _spread(y: Array, kernel: Array, *, geometry: Geometry) -> Array:
    """The pixels of each residue modulo the strides are a convolution with every stride-th
    row and column of the kernel, of which there is at least one, if zero.
    """
    lacking = (
        max(s - k, 0) for s, k in zip(geometry.strides, geometry.window, strict=True)
    )
    whole = jnp.pad(kernel, (*((0, n) for n in lacking), (0, 0), (0, 0)))
    flipped = whole.transpose(0, 1, 3, 2)
    rows, columns = (
        [_residue(geometry, axis, residue) for residue in range(geometry.strides[axis])]
        for axis in (0, 1)
    )
    parts = [
        conv_forms.convolve(y, flipped[taps, :][:, others], pads=(vertical, horizontal))
        for (taps, vertical), (others, horizontal) in itertools.product(rows, columns)
    ]
    image = _unfold(jnp.concatenate(parts, axis=3), geometry.strides)
    return image[:, : geometry.image[0], : geometry.image[1]]


def _correlate(x: Array, y: Array, *, geometry: Geometry) -> Array:
    if geometry.strides == (1, 1):
        return conv_forms.correlate(x, y, pads=geometry.pads)
    channels = x.shape[3], y.shape[3]
    if conv_forms.strided_pays(geometry.window, geometry.strides, channels):
        whole = resize(x, geometry.pads)
        shape = geometry.window, geometry.strides
        return conv_forms.correlate_strided(whole, y, *shape)
    folded = _fold(resize(x, geometry.edges), geometry.strides)
    (kh, kw), strides = geometry.window, geometry.strides
    return _unfold_kernel(conv_forms.correlate(folded, y), strides)[:kh, :kw]


def _residue(geometry: Geometry, axis: int, residue: int) -> tuple[slice, Pair]:
    """Along one axis, the taps (last first) that reach the pixels of a residue, and the
    padding of the output that makes one value per such pixel.
    """
    size, window, stride = (field[axis] for field in geometry[:3])
    window = max(window, stride)
    low = geometry.pads[axis][0]
    count, start = -(-size // stride), (residue + low) // stride
    first = (residue + low) % stride
    taps = len(range(first, window, stride))
    last = first + stride * (taps - 1)
    padding = (taps - 1 - start, start + count - geometry.outputs[axis])
    return slice(last, first - 1 if first else None, -stride), padding


def _fold(x: Array, strides: Pair) -> Array:
    """(B, H SH, W SW, C) to (B, H, W, SH SW C)."""
    (sh, sw), (b, h, w, c) = strides, x.shape
    blocks = x.reshape(b, h // sh, sh, w // sw, sw, c).transpose(0, 1, 3, 2, 4, 5)
    return blocks.reshape(b, h // sh, w // sw, sh * sw * c)


def _unfold(x: Array, strides: Pair) -> Array:
    """The inverse of `_fold`."""
    (sh, sw), (b, h, w, c) = strides, x.shape
    blocks = x.reshape(b, h, w, sh, sw, c // (sh * sw)).transpose(0, 1, 3, 2, 4, 5)
    return blocks.reshape(b, h * sh, w * sw, c // (sh * sw))


def _fold_kernel(kernel: Array, strides: Pair) -> Array:
    """(KH, KW, I, O) to (ceil(KH / SH), ceil(KW / SW), SH SW I, O)."""
    rows, columns = (-k % s for k, s in zip(kernel.shape[:2], strides, strict=True))
    kernel = jnp.pad(kernel, ((0, rows), (0, columns), (0, 0), (0, 0)))
    (sh, sw), (kh, kw, i, o) = strides, kernel.shape
    blocks = kernel.reshape(kh // sh, sh, kw // sw, sw, i, o).transpose(0, 2, 1, 3, 4, 5)
    return blocks.reshape(kh // sh, kw // sw, sh * sw * i, o)


def _unfold_kernel(kernel: Array, strides: Pair) -> Array:
    """The inverse of `_fold_kernel`, with the rows and columns that it added."""
    (sh, sw), (kh, kw, i, o) = strides, kernel.shape
    blocks = kernel.reshape(kh, kw, sh, sw, i // (sh * sw), o).transpose(0, 2, 1, 3, 4, 5)
    return blocks.reshape(kh * sh, kw * sw, i // (sh * sw), o)


# The primitives.


def _primitive(
    name: str,
    function: Callable[..., Array],
    shape: Callable[[Any, Any, Geometry], tuple[int, ...]],
) -> Primitive:
    """A bilinear operation with its evaluation."""
    primitive = Primitive(name)
    primitive.def_impl(jax.jit(function, static_argnames="geometry"))
    primitive.def_abstract_eval(
        lambda a, b, *, geometry: a.update(shape=shape(a, b, geometry), weak_type=False)
    )
    mlir.register_lowering(primitive, mlir.lower_fun(function, multiple_results=False))
    return primitive


_convolve_p = _primitive(
    "convolve", _convolve, lambda x, k, g: (x.shape[0], *g.outputs, k.shape[3])
)
_spread_p = _primitive(
    "spread", _spread, lambda y, k, g: (y.shape[0], *g.image, k.shape[2])
)
_correlate_p = _primitive(
    "correlate", _correlate, lambda x, y, g: (*g.window, x.shape[3], y.shape[3])
)

# The transposes of each in its two operands are the other derivatives of the form.
ad.defbilinear(
    _convolve_p,
    lambda y, x, k, *, geometry: _spread_p.bind(y, k, geometry=geometry),
    lambda y, x, k, *, geometry: _correlate_p.bind(x, y, geometry=geometry),
)
ad.defbilinear(
    _spread_p,
    lambda x, y, k, *, geometry: _convolve_p.bind(x, k, geometry=geometry),
    lambda x, y, k, *, geometry: _correlate_p.bind(x, y, geometry=geometry),
)
ad.defbilinear(
    _correlate_p,
    lambda k, x, y, *, geometry: _spread_p.bind(y, k, geometry=geometry),
    lambda k, x, y, *, geometry: _convolve_p.bind(x, k, geometry=geometry),
)


def _bind(primitive: Primitive, a: Array, b: Array, geometry: Geometry) -> Array:
    """Applies a primitive to operands that vary over the same mapped axes (`shard_map`):
    a derivative must vary as its operand does, and the cast's own is the sum over axes.
    """
    axes = _axes(a) | _axes(b)
    return primitive.bind(_varying(a, axes), _varying(b, axes), geometry=geometry)


def _axes(x: Array) -> frozenset[str]:
    """The mapped axes that `x` varies over."""
    return jax.typeof(x).manual_axis_type.varying


def _varying(x: Array, axes: frozenset[str]) -> Array:
    missing = tuple(sorted(axes - _axes(x)))
    return lax.pcast(x, missing, to="varying") if missing else x


# Under `vmap`.

_Merged = tuple[int, int]
"""The axis of an operand, and that of the result, that a mapped axis joins."""


def _batch(
    primitive: Primitive,
    merged: tuple[_Merged, _Merged],
    operands: Sequence[Array],
    axes: Sequence[int | None],
    *,
    geometry: Geometry,
) -> tuple[Array, int]:
    """One mapped operand has more images or channels; two go one after another, since a
    grouped convolution is several times slower.
    """
    a, b = operands
    bind: Callable[..., Any] = partial(primitive.bind, geometry=geometry)
    if axes[0] is not None and axes[1] is not None:
        rows = jnp.moveaxis(a, axes[0], 0), jnp.moveaxis(b, axes[1], 0)
        return lax.map(lambda row: bind(*row), rows), 0
    if axes[0] is not None:
        (axis, result), size = merged[0], a.shape[axes[0]]
        return _split(bind(_merge(a, axes[0], axis), b), size, result), result
    assert axes[1] is not None
    (axis, result), size = merged[1], b.shape[axes[1]]
    return _split(bind(a, _merge(b, axes[1], axis)), size, result), result


def _merge(x: Array, mapped: int, axis: int) -> Array:
    """Merges a mapped axis into an axis of the operand, as its slower part."""
    x = jnp.moveaxis(x, mapped, axis)
    return x.reshape(*x.shape[:axis], -1, *x.shape[axis + 2 :])


def _split(x: Array, size: int, axis: int) -> Array:
    """Undoes `_merge`; the mapped axis is `axis` of the result."""
    return x.reshape(*x.shape[:axis], size, -1, *x.shape[axis + 1 :])


for _operation, _axes_merged in {
    _convolve_p: ((0, 0), (3, 3)),
    _spread_p: ((0, 0), (2, 3)),
    _correlate_p: ((3, 2), (3, 3)),
}.items():
    batching.primitive_batchers[_operation] = partial(_batch, _operation, _axes_merged)
