"""Samplers of latents, `(key, n) -> draws`: by composition, and steered by a critic."""

from gan_jax.sampling.calibration import (
    Calibration,
    calibrated,
    calibration_score,
    fit_isotonic,
    fit_logistic,
)
from gan_jax.sampling.langevin import langevin_sampler, standard_normal_log_density
from gan_jax.sampling.latents import Draws, Generate, Sampler, prior_sampler
from gan_jax.sampling.metropolis import metropolis_hastings_sampler
from gan_jax.sampling.rejection import rejection_sampler
from gan_jax.sampling.standing import (
    sampling_inputs,
    standing_state,
    standing_statistics,
)

__all__ = [
    "Calibration",
    "Draws",
    "Generate",
    "Sampler",
    "calibrated",
    "calibration_score",
    "fit_isotonic",
    "fit_logistic",
    "langevin_sampler",
    "metropolis_hastings_sampler",
    "prior_sampler",
    "rejection_sampler",
    "sampling_inputs",
    "standard_normal_log_density",
    "standing_state",
    "standing_statistics",
]
