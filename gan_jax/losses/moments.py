"""Maximum mean discrepancies: distances between distributions through a kernel.

Gretton et al. 2012, "A Kernel Two-Sample Test", equations 3 and 5. As the loss of a
generator: GMMN, Li et al. 2015 (arXiv 1502.02761).

Kernels are `(x (n, d), y (m, d)) -> (n, m)`, on JAX arrays (differentiable, in their own
float type) as on NumPy arrays (in float64, for measuring).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
import numpy as np

from gan_jax import tracing
from gan_jax.losses.arithmetic import f32
from gan_jax.numerics import safe_sqrt
from gan_jax.types import Array, Scalar

Matrix = Any
"""A JAX or NumPy array of two axes; what goes in comes out."""

Kernel = Callable[[Matrix, Matrix], Matrix]


def _namespace(x: Matrix) -> Any:
    return np if isinstance(x, np.ndarray) else jnp


def _inner(x: Matrix, y: Matrix) -> Matrix:
    """Inner products (n, m) of rows, in full precision on every device."""
    if isinstance(x, np.ndarray):
        return x @ y.T
    return jnp.matmul(x, y.T, precision="highest")


def squared_distances(x: Matrix, y: Matrix) -> Matrix:
    """Squared Euclidean distances (n, m) between rows (n, d) and (m, d); never negative."""
    norms = (x * x).sum(axis=1)[:, None] + (y * y).sum(axis=1)[None]
    return _namespace(x).maximum(norms - 2.0 * _inner(x, y), 0.0)


def gaussian_kernel(*bandwidths: float) -> Kernel:
    """Sum over bandwidths s of exp(-|x - y|^2 / (2 s^2)).

    GMMN (arXiv 1502.02761) calls s^2 the bandwidth, and its authors' code takes 2, 5, 10,
    20, 40 and 80 for it, on digits with pixels in [0, 1]: the s are their square roots, or
    twice that for pixels in [-1, 1].

    Args:
        *bandwidths: one or more, positive, in units of the features.

    Returns:
        The kernel.

    Raises:
        ValueError: no bandwidth, or one that is not positive.
    """
    if not bandwidths or not all(s > 0 for s in bandwidths):
        raise ValueError(f"a Gaussian kernel needs positive bandwidths, got {bandwidths}")
    factors = [float(-0.5 / s**2) for s in bandwidths]

    def kernel(x: Matrix, y: Matrix) -> Matrix:
        squares, exp = squared_distances(x, y), _namespace(x).exp
        return sum(exp(squares * factor) for factor in factors)

    return kernel


def polynomial_kernel(
    degree: int = 3, gamma: float | None = None, offset: float = 1.0
) -> Kernel:
    """(gamma x.y + offset)^degree; `gamma` is 1 / d by default."""

    def kernel(x: Matrix, y: Matrix) -> Matrix:
        scale = 1.0 / x.shape[1] if gamma is None else gamma
        return (scale * _inner(x, y) + offset) ** degree

    return kernel


def rational_quadratic_kernel(*alphas: float, length: float = 1.0) -> Kernel:
    """Sum over alphas a of (1 + |x - y|^2 / (2 a length^2))^-a.

    A Gaussian kernel mixed over bandwidths. Binkowski et al. 2018 (arXiv 1801.01401)
    use the alphas 0.2, 0.5, 1, 2 and 5.

    Args:
        *alphas: one or more, positive; the smaller, the heavier the tail.
        length: in units of the features.

    Returns:
        The kernel.

    Raises:
        ValueError: no alpha, or an alpha or length that is not positive.
    """
    if not alphas or not all(value > 0 for value in (*alphas, length)):
        raise ValueError(
            "a rational quadratic kernel needs positive alphas and a positive length, got "
            f"{alphas} and {length}"
        )
    terms = [(float(0.5 / (a * length**2)), float(-a)) for a in alphas]

    def kernel(x: Matrix, y: Matrix) -> Matrix:
        squares = squared_distances(x, y)
        return sum((1.0 + squares * factor) ** power for factor, power in terms)

    return kernel


def squared_discrepancy(kernel: Kernel, x: Matrix, y: Matrix, *, unbiased: bool) -> Any:
    """Squared maximum mean discrepancy of two samples (Gretton et al., equations 3 and 5).

    Args:
        kernel: of rows.
        x: (n, d), at least 2 rows if `unbiased`.
        y: (m, d), the same.
        unbiased: leave out the pairs of a row with itself, so that the estimate may be
            negative; otherwise the V-statistic, never negative but for rounding.

    Returns:
        The squared distance, a scalar of the type of the rows.

    Raises:
        ValueError: an unbiased estimate of fewer than 2 rows.
    """
    if unbiased and min(len(x), len(y)) < 2:
        raise ValueError(
            f"an unbiased estimate needs 2 or more rows, got {len(x)} and {len(y)}"
        )
    within = _mean_within(kernel(x, x), unbiased) + _mean_within(kernel(y, y), unbiased)
    return within - 2.0 * kernel(x, y).mean()


def _mean_within(gram: Matrix, unbiased: bool) -> Any:
    n = len(gram)
    if not unbiased:
        return gram.mean()
    return (gram.sum() - gram.trace()) / (n * (n - 1))


def mmd(
    kernel: Kernel, *, unbiased: bool = False, root: bool = False
) -> Callable[[Array, Array], Scalar]:
    """The squared discrepancy, or its root, as a loss (arXiv 1502.02761, section 2).

    Under a mapped batch axis (`tracing.batch_axis`) the rows of all shards are gathered, so
    the samples are always the global ones.

    Args:
        kernel: `gaussian_kernel(...)`, `polynomial_kernel()`, ...
        unbiased: leave out the pairs of a row with itself. The paper's is biased, which is
            never negative.
        root: the square root, whose gradient does not fade as the distance does (the
            paper's better loss). 0, with derivative 0, where the estimate is not positive.

    Returns:
        `(real, fake) -> scalar` of examples or features (n, ...) and (m, ...), each
        flattened to a row; float32.
    """

    def loss(real: Array, fake: Array) -> Scalar:
        rows = (tracing.gather(f32(side).reshape(len(side), -1)) for side in (real, fake))
        square = squared_discrepancy(kernel, *rows, unbiased=unbiased)
        return safe_sqrt(square) if root else square

    return loss
