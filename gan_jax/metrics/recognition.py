"""What a classifier makes of samples."""

from __future__ import annotations

import numpy as np

from gan_jax.metrics import checks

_CONFIDENT = 0.9


def recognition(logits: np.ndarray, labels: np.ndarray | None = None) -> dict[str, float]:
    """How sure a classifier is of samples, of which classes, and if of those asked for.

    Args:
        logits: float (n, classes).
        labels: int (n,), the classes that the samples were asked for, or None.

    Returns:
        "recognised_share", of samples to which it gives some class a probability of at
        least 0.9; "class_balance", exp(entropy of the histogram of its guesses) / classes;
        and with labels "classifier_accuracy", the share to which it gives the asked class.

    Raises:
        ValueError: other shapes, a logit that is not finite, or a label that is no class.
    """
    logits = checks.as_features("logits", logits, minimum=1)
    n, classes = logits.shape
    confidence = 1.0 / np.sum(np.exp(logits - logits.max(axis=1, keepdims=True)), axis=1)
    guesses = logits.argmax(axis=1)
    shares = np.bincount(guesses, minlength=classes) / n
    entropy = -np.sum(shares * np.log(np.where(shares > 0.0, shares, 1.0)))
    scores = {
        "recognised_share": float(np.mean(confidence >= _CONFIDENT)),
        "class_balance": float(np.exp(entropy) / classes),
    }
    if labels is not None:
        _check(labels, n, classes)
        scores["classifier_accuracy"] = float(np.mean(guesses == labels))
    return scores


def _check(labels: np.ndarray, n: int, classes: int) -> None:
    if labels.shape != (n,):
        raise ValueError(f"{n} samples need labels of shape ({n},), got {labels.shape}")
    if labels.min() < 0 or labels.max() >= classes:
        raise ValueError(
            f"labels lie in {labels.min()}..{labels.max()}, but the classifier has the "
            f"classes 0..{classes - 1}"
        )
