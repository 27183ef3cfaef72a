"""Looking inside trained and training networks."""

from gan_jax.analysis.dynamics import (
    gradient_field,
    jacobian_eigenvalues,
    moving_params,
    term_gradients,
)
from gan_jax.analysis.spectra import top_singular_values

__all__ = [
    "gradient_field",
    "jacobian_eigenvalues",
    "moving_params",
    "term_gradients",
    "top_singular_values",
]
