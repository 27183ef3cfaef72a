"""InfoGAN: variational bounds on the information that samples carry about codes.

Chen et al. 2016 (arXiv 1606.03657). I(c; G(z, c)) is at least E[log Q(c | x)] + H(c)
(equation 5). The entropy H(c) is constant, so training minimises E[-log Q(c | x)], with
respect to G and Q alike (equation 6), and the bound is for looking at. All in nats.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import jax.numpy as jnp

from gan_jax.losses.arithmetic import bounded_exp, cross_entropy, f32
from gan_jax.numerics import mean32, sum_per_example
from gan_jax.types import Array, Scalar

_LOG_2_PI = math.log(2.0 * math.pi)


class CodeHeads(NamedTuple):
    """What Q(c | x) says of the codes of an example.

    Attributes:
        categorical: logits (batch, categories) of each categorical code.
        mean: of the continuous codes together, (batch, codes); None without them.
    """

    categorical: tuple[Array, ...]
    mean: Array | None


def categorical_code_loss(logits: Array, codes: Array) -> Scalar:
    """E[-log Q(c | x)] of categorical codes (arXiv 1606.03657, equation 5, section 6).

    Args:
        logits: (batch, ..., categories), any float type.
        codes: int (batch, ...), the codes given to the generator.

    Returns:
        float32 (), summed over the codes of an example, mean over examples.
    """
    return mean32(sum_per_example(cross_entropy(logits, codes)))


def gaussian_code_loss(
    mean: Array, codes: Array, log_variance: Array | float = 0.0
) -> Scalar:
    """E[-log Q(c | x)] of continuous codes, Q a diagonal Gaussian (the same paper).

    Args:
        mean: predicted codes, (batch, ...), any float type.
        codes: float (batch, ...), the codes given to the generator.
        log_variance: a fixed number, or predicted, (batch, ...). A predicted one may grow
            more and more certain without bound; a fixed one makes this a squared error.

    Returns:
        float32 (), summed over the codes of an example, mean over examples.
    """
    error = jnp.square(f32(mean) - f32(codes))
    log_variance = f32(jnp.broadcast_to(jnp.asarray(log_variance), error.shape))
    nll = 0.5 * (error * bounded_exp(-log_variance) + log_variance + _LOG_2_PI)
    return mean32(sum_per_example(nll))


def categorical_entropy(categories: int, codes: int = 1) -> float:
    """H(c) of `codes` independent uniform codes of so many categories each."""
    return codes * math.log(categories)


def uniform_entropy(low: float, high: float, codes: int = 1) -> float:
    """H(c), differential, of `codes` independent codes from U(low, high)."""
    return codes * math.log(high - low)


def information_bound(code_loss: Scalar, entropy: float) -> Scalar:
    """Lower bound on I(c; G(z, c)) (arXiv 1606.03657, equation 5).

    Args:
        code_loss: E[-log Q(c | x)] of all codes, ().
        entropy: H(c) of the same codes.

    Returns:
        Nats, (). For categorical codes at most `entropy`, near 0 for an untrained Q.
    """
    return entropy - code_loss
