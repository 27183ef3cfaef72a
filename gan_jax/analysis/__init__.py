"""Looking inside trained and training networks."""

from gan_jax.analysis.spectra import top_singular_values

__all__ = ["top_singular_values"]
