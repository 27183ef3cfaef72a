"""Instance normalisation that keeps running statistics, as StarGAN's code has it."""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp
from flax import linen

from gan_jax import tracing
from gan_jax.nn.norm import PerExampleNorm, example_moments, spread
from gan_jax.types import Array


class RunningInstanceNorm(PerExampleNorm):
    """Instance normalisation (1607.08022) in training, and by running means of its moments
    in evaluation.

    PyTorch's with `track_running_stats`: the running variance is that of unbiased ones.

    Attributes:
        momentum: weight of the old running mean in each update.
    """

    momentum: float = 0.9

    @linen.compact
    def __call__(self, x: Array, y: Array | None = None, *, train: bool = False) -> Array:
        """Normalises (B, ..., C); `y` is not used."""
        shape = (x.shape[-1],)
        mean = self.variable("batch_stats", "mean", jnp.zeros, shape, jnp.float32)
        var = self.variable("batch_stats", "var", jnp.ones, shape, jnp.float32)
        wide = x.astype(jnp.float32)
        if not train:
            inverse = spread(jax.lax.rsqrt(var.value + self.epsilon), x)
            return self._finish((wide - spread(mean.value, x)) * inverse)
        means, variances = example_moments(wide, tuple(range(1, x.ndim - 1)))
        if not self.is_initializing():
            pixels = math.prod(x.shape[1:-1])
            unbiased = variances * (pixels / max(pixels - 1, 1))
            mean.value = self._running(mean.value, means)
            var.value = self._running(var.value, unbiased)
        return self._finish((wide - means) * jax.lax.rsqrt(variances + self.epsilon))

    def _running(self, old: Array, new: Array) -> Array:
        """Moves towards the mean over the global batch of `new` (B, 1, ..., C)."""
        mean = tracing.pmean(new.reshape(-1, new.shape[-1]).mean(axis=0))
        return self.momentum * old + (1.0 - self.momentum) * mean
