"""The Inception Score, of any classifier's logits.

Salimans et al., "Improved Techniques for Training GANs" (2016), section 4. With logits of
another network than Inception, name the network.
"""

from __future__ import annotations

import itertools
from typing import NamedTuple

import numpy as np

from gan_jax.metrics import checks


class InceptionScore(NamedTuple):
    """Mean and spread over splits.

    Attributes:
        mean: between 1 and the number of classes.
        std: standard deviation over splits, biased (divided by their number).
    """

    mean: float
    std: float


def inception_score(logits: np.ndarray, splits: int = 1) -> InceptionScore:
    """exp(E KL(p(y|x) || p(y))), in float64; zero probabilities contribute zero.

    Args:
        logits: float (n, classes), n >= splits; -inf is a probability of zero.
        splits: consecutive parts, each scored by itself; part i has the rows from
            i n // splits to (i + 1) n // splits.

    Returns:
        Mean and standard deviation over the parts.

    Raises:
        ValueError: other shapes, `splits` out of range, or a logit that is neither finite
            nor -inf; also a row without a finite one.
    """
    logits = _finite_zeros(logits)
    logits = checks.as_features("logits", logits, minimum=1)
    n = len(logits)
    if not 1 <= splits <= n:
        raise ValueError(f"need 1 <= splits <= number of logits, got {splits} and {n}")
    edges = [i * n // splits for i in range(splits + 1)]
    scores = [_score(logits[a:b]) for a, b in itertools.pairwise(edges)]
    return InceptionScore(float(np.mean(scores)), float(np.std(scores)))


def _finite_zeros(logits: np.ndarray) -> np.ndarray:
    """Logits with -inf made so low that their exponential is 0, but in a row of them."""
    logits = np.asarray(logits, np.float64)
    if logits.ndim != 2:
        return logits
    some = np.isfinite(logits).any(axis=1, keepdims=True)
    return np.where((logits == -np.inf) & some, np.finfo(np.float64).min / 4.0, logits)


def _score(logits: np.ndarray) -> float:
    shifted = logits - logits.max(axis=1, keepdims=True)
    log_p = shifted - np.log(np.sum(np.exp(shifted), axis=1, keepdims=True))
    p = np.exp(log_p)
    marginal = p.mean(axis=0)
    # A class without probability has p = 0 in every row: its term is 0 by p log p -> 0.
    log_marginal = np.log(np.where(marginal > 0.0, marginal, 1.0))
    divergence = np.sum(p * (log_p - log_marginal[None]), axis=1)
    return float(np.exp(divergence.mean()))
