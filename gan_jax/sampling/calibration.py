"""Calibration of a discriminator, so that its odds are the density ratio.

Turner et al. 2018 (arXiv 1811.11357, section 3): on logits of held-out real examples and
of as many generated ones, a map is fitted after which sigmoid(logit) is the share of real
examples among those with that logit. Both sides weigh the same, however many they are. Fits
run on the host in float64.
"""

from __future__ import annotations

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np

from gan_jax.types import Array, Critic, PyTree

Calibration = Callable[[Array], Array]
"""`(logits) -> calibrated logits`, float32 of the same shape."""


def calibrated(critic: Critic, calibration: Calibration) -> Critic:
    """The critic with its logits calibrated."""

    def call(inputs: PyTree) -> Array:
        return calibration(critic(inputs))

    return call


def fit_logistic(real_logits: Array, fake_logits: Array) -> Calibration:
    """Logistic regression on the logit: a l + b (Platt scaling), of maximum likelihood.

    Args:
        real_logits: of held-out real examples, float (n,).
        fake_logits: of generated examples, float (m,).

    Returns:
        The calibration; it keeps the order of logits if a > 0.

    Raises:
        ValueError: a side is empty or not finite; or no logit of one side lies among those
            of the other, and no finite line is the best.
    """
    logits, labels, weights = _labelled(real_logits, fake_logits)
    real, fake = logits[labels == 1.0], logits[labels == 0.0]
    if real.min() >= fake.max() or fake.min() >= real.max():
        raise ValueError(
            "real and generated logits do not overlap, and logistic calibration has no "
            "finite answer; give it more held-out examples, or use fit_isotonic"
        )
    centre, spread = logits.mean(), logits.std()
    design = np.stack([(logits - centre) / spread, np.ones_like(logits)], axis=1)
    line = np.zeros(2)
    for _ in range(1_000):
        line, step = _newton(line, design, labels, weights)
        if np.abs(step).max() < 1e-10:
            break
    slope = float(line[0] / spread)
    offset = float(line[1] - line[0] * centre / spread)
    return lambda values: slope * values.astype(jnp.float32) + offset


def _newton(
    line: np.ndarray, design: np.ndarray, labels: np.ndarray, weights: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """One step of Newton's method, not longer than 1, and the step."""
    share = 0.5 * (1.0 + np.tanh(0.5 * (design @ line)))
    gradient = design.T @ (weights * (labels - share))
    curvature = (design * (weights * share * (1.0 - share))[:, None]).T @ design
    step = np.linalg.solve(curvature, gradient)
    step = step / max(1.0, float(np.abs(step).max()))
    return line + step, step


def fit_isotonic(
    real_logits: Array, fake_logits: Array, *, smallest: float | None = None
) -> Calibration:
    """Isotonic regression: the best of all rising maps from logit to probability.

    Found by pooling adjacent violators; linear between the fitted points, constant beyond.

    Args:
        real_logits: of held-out real examples, float (n,).
        fake_logits: of generated examples, float (m,).
        smallest: probabilities are kept in [smallest, 1 - smallest], so that logits are
            finite; half of one example's weight by default, 1 / (4 max(n, m)).

    Returns:
        The calibration.

    Raises:
        ValueError: a side is empty or not finite, or `smallest` is not in (0, 1/2).
    """
    logits, labels, weights = _labelled(real_logits, fake_logits)
    least = 0.25 / max(len(real_logits), len(fake_logits)) if smallest is None else smallest
    if not 0.0 < least < 0.5:
        raise ValueError(f"smallest must lie between 0 and 1/2, got {least}")
    points, index = np.unique(logits, return_inverse=True)
    total = np.bincount(index, weights)
    share = np.bincount(index, weights * labels) / total
    fitted = np.clip(_rising(share, total), least, 1.0 - least)
    at, values = points.astype(np.float32), fitted.astype(np.float32)

    def calibration(x: Array) -> Array:
        probability = jnp.interp(
            x.astype(jnp.float32), jnp.asarray(at), jnp.asarray(values)
        )
        return jax.scipy.special.logit(probability)

    return calibration


def _rising(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """The rising sequence nearest to `values` in weighted squares."""
    pools: list[tuple[float, float, int]] = []
    for value, weight in zip(values.tolist(), weights.tolist(), strict=True):
        mean, mass, size = value, weight, 1
        while pools and pools[-1][0] >= mean:
            other, its_mass, its_size = pools.pop()
            mean = (mean * mass + other * its_mass) / (mass + its_mass)
            mass, size = mass + its_mass, size + its_size
        pools.append((mean, mass, size))
    return np.repeat([pool[0] for pool in pools], [pool[2] for pool in pools])


def calibration_score(real_logits: Array, fake_logits: Array) -> float:
    """How far from calibrated a discriminator is, in standard deviations (section 3).

    Z = sum(y - p) / sqrt(sum(p (1 - p))) over as many real (y = 1) as generated (y = 0)
    examples, p = sigmoid(logit): about N(0, 1) for a calibrated one.

    Args:
        real_logits: float (n,).
        fake_logits: float (n,).

    Returns:
        Z.

    Raises:
        ValueError: a side is empty or not finite, or the sides differ in number.
    """
    logits, labels, _ = _labelled(real_logits, fake_logits)
    if len(real_logits) != len(fake_logits):
        raise ValueError(
            "calibration_score needs as many real as generated logits, got "
            f"{len(real_logits)} and {len(fake_logits)}"
        )
    share = 0.5 * (1.0 + np.tanh(0.5 * logits))
    return float((labels - share).sum() / np.sqrt((share * (1.0 - share)).sum()))


def _labelled(
    real_logits: Array, fake_logits: Array
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """All logits, labels 1 and 0, and weights of 1/2 per side; float64 (n + m,)."""
    sides = [np.asarray(side, np.float64) for side in (real_logits, fake_logits)]
    for name, side in zip(("real", "fake"), sides, strict=True):
        if side.ndim != 1 or not side.size or not np.isfinite(side).all():
            raise ValueError(
                f"{name}_logits must be a vector of finite numbers, not empty; got shape "
                f"{side.shape}"
            )
    labels = np.repeat([1.0, 0.0], [len(side) for side in sides])
    weights = np.concatenate([np.full(len(side), 0.5 / len(side)) for side in sides])
    return np.concatenate(sides), labels, weights
