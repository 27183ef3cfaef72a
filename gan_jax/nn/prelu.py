"""The rectifier with a trained slope."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from flax import linen
from jax.typing import DTypeLike

from gan_jax.types import Array


class PReLU(linen.Module):
    """`max(x, 0) + slope * min(x, 0)` with a trained slope (1502.01852, eq. 1).

    Attributes:
        per_channel: a slope per channel; otherwise one for all of them, PyTorch's default.
        slope: what it starts from.
        dtype: type of the result; the slope is float32.
    """

    per_channel: bool = False
    slope: float = 0.25
    dtype: DTypeLike = jnp.float32

    @linen.compact
    def __call__(self, x: Array) -> Array:
        """Applies the rectifier to (B, ..., C)."""
        count = x.shape[-1] if self.per_channel else 1
        start = jax.nn.initializers.constant(self.slope)
        slope = self.param("slope", start, (count,), jnp.float32)
        x = x.astype(self.dtype)
        slope = slope.astype(self.dtype).reshape((1,) * (x.ndim - 1) + (count,))
        return jnp.where(x > 0, x, slope * x)
