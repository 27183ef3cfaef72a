"""Losses: functions of logits that know nothing of networks."""

from gan_jax.losses.adversarial import (
    hinge,
    least_squares,
    minimax,
    non_saturating,
    wasserstein,
)

__all__ = ["hinge", "least_squares", "minimax", "non_saturating", "wasserstein"]
