"""A local page to look at a trained run: `gan-jax explore --workdir DIR`."""

from gan_jax.explorer.serve import explore

__all__ = ["explore"]
