"""Winograd's minimal filtering: convolutions with 2 and 3 taps an axis from fewer products.

Two neighbouring outputs of a filter with r taps need not 2 r products but r + 1:

    y = A [(G k) * (B x)]

with y the 2 outputs, k the r taps, x the r + 1 inputs, and matrices A, G, B of zeros, ones
and halves (Winograd 1980; Lavin and Gray, 1509.09308, section 4). Per axis of an image that
makes 9 products for a tile of 2 x 2 outputs where 2 x 2 taps have 16, and 16 where 3 x 3
taps have 36; between the transformations the products are matrix products over channels.
In float32 the result is as exact as the direct sum: all coefficients are 0, 1, -1 or 1/2.

All functions act on lists of lists, one array per product of rows and of columns.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import jax.numpy as jnp
from jax import lax

from gan_jax.types import Array

Matrix = tuple[tuple[float, ...], ...]
Grid = list[list[Array]]
"""One array for each pair of a row and a column."""


class Filter(NamedTuple):
    """The matrices of one number of taps r.

    Attributes:
        outputs: A, (2, r + 1).
        taps: G, (r + 1, r).
        inputs: B, (r + 1, r + 1).
    """

    outputs: Matrix
    taps: Matrix
    inputs: Matrix


FILTERS = {
    2: Filter(
        outputs=((1, 1, 0), (0, 1, -1)),
        taps=((1, 0), (1, 1), (0, 1)),
        inputs=((1, -1, 0), (0, 1, 0), (0, 1, -1)),
    ),
    3: Filter(
        outputs=((1, 1, 1, 0), (0, 1, -1, -1)),
        taps=((1, 0, 0), (0.5, 0.5, 0.5), (0.5, -0.5, 0.5), (0, 0, 1)),
        inputs=((1, 0, -1, 0), (0, 1, 1, 0), (0, -1, 1, 0), (0, 1, 0, -1)),
    ),
}
"""By number of taps."""


def transform_kernel(kernel: Array) -> Grid:
    """G k G': (KH, KW, I, O) to (KH + 1) x (KW + 1) arrays (I, O)."""
    grid = [list(row) for row in kernel]
    return _transform(FILTERS[len(grid)].taps, FILTERS[len(grid[0])].taps, grid)


def restore_kernel(products: Grid) -> Array:
    """The adjoint of `transform_kernel`: a weight gradient (KH, KW, I, O)."""
    rows, columns = (FILTERS[n - 1].taps for n in (len(products), len(products[0])))
    grid = _transform(_transposed(rows), _transposed(columns), products)
    return jnp.stack([jnp.stack(row) for row in grid])


def transform_image(x: Array, window: tuple[int, int], tiles: tuple[int, int]) -> Grid:
    """B x B': images to the inputs of every tile's products.

    Args:
        x: (B, 2 TH + KH - 1, 2 TW + KW - 1, I), padded.
        window: (KH, KW).
        tiles: (TH, TW).

    Returns:
        (KH + 1) x (KW + 1) arrays (B, TH, TW, I).
    """
    rows, columns = (FILTERS[taps] for taps in window)
    grid = _every_second(x, (window[0] + 1, window[1] + 1), tiles)
    return _transform(rows.inputs, columns.inputs, grid)


def transform_output(y: Array, window: tuple[int, int], tiles: tuple[int, int]) -> Grid:
    """The adjoint of `restore_output`: (B, 2 TH, 2 TW, O) to arrays (B, TH, TW, O)."""
    rows, columns = (FILTERS[taps] for taps in window)
    grid = _every_second(y, (2, 2), tiles)
    return _transform(_transposed(rows.outputs), _transposed(columns.outputs), grid)


def restore_output(products: Grid) -> Array:
    """A m A': products (B, TH, TW, O) to images (B, 2 TH, 2 TW, O)."""
    rows, columns = (FILTERS[n - 1].outputs for n in (len(products), len(products[0])))
    grid = _transform(rows, columns, products)
    batch, th, tw, channels = grid[0][0].shape
    y = jnp.stack([jnp.stack(row, axis=3) for row in grid], axis=2)
    return y.reshape(batch, 2 * th, 2 * tw, channels)


def _every_second(x: Array, size: tuple[int, int], tiles: tuple[int, int]) -> Grid:
    """Entry (i, j) of every tile: tiles begin at every second pixel."""
    (height, width), (th, tw) = size, tiles
    return [
        [x[:, i : i + 2 * th - 1 : 2, j : j + 2 * tw - 1 : 2] for j in range(width)]
        for i in range(height)
    ]


def _transform(rows: Matrix, columns: Matrix, grid: Grid) -> Grid:
    """The product of `rows`, the grid and the transpose of `columns`."""
    mixed = [_mix(rows, column) for column in zip(*grid, strict=True)]
    return [_mix(columns, row) for row in zip(*mixed, strict=True)]


def _mix(matrix: Matrix, arrays: Sequence[Array]) -> list[Array]:
    """The matrix times a vector of arrays, without products by 0 and 1."""
    return [_combination(row, arrays) for row in matrix]


def _combination(coefficients: Sequence[float], arrays: Sequence[Array]) -> Array:
    terms = [
        array if abs(coefficient) == 1 else abs(coefficient) * array
        for coefficient, array in zip(coefficients, arrays, strict=True)
        if coefficient
    ]
    signs = [coefficient > 0 for coefficient in coefficients if coefficient]
    total = terms[0] if signs[0] else lax.neg(terms[0])
    for positive, term in zip(signs[1:], terms[1:], strict=True):
        total = total + term if positive else total - term
    return total


def _transposed(matrix: Matrix) -> Matrix:
    return tuple(zip(*matrix, strict=True))
