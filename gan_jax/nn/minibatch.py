"""Layers that let a discriminator look at examples in combination.

Their batch is the global one: over a mapped batch axis the rows of all shards are gathered,
in order (`gan_jax.tracing`); with gradient accumulation it is the one slice at hand. They
couple examples, so penalties on input gradients cannot be used with them, and real and
generated examples should pass in batches of their own.
"""

from __future__ import annotations

from collections.abc import Callable

import jax
import jax.numpy as jnp
from flax import linen

from gan_jax import tracing
from gan_jax.nn.initializers import Initializer
from gan_jax.types import Array

MinibatchFactory = Callable[..., linen.Module]
"""`(name=...) -> module`, the module called `(x)` on features (B, ..., C)."""


class MinibatchDiscrimination(linen.Module):
    """Closeness to the other examples of the batch (1606.03498, section 3.2).

    With M_i = f(x_i) T, T in R^{A x B x C}, appends to the flattened features f(x_i) the
    sums o(x_i)_b = sum_{j != i} exp(-||M_{i,b} - M_{j,b}||_1). Memory grows as the square
    of the global batch, times `kernels * dims`.

    Attributes:
        kernels: the paper's B, the number of features appended.
        dims: the paper's C, the length of the rows that are compared.
        kernel_init: initialiser of T as a matrix (A, B * C); columns of about unit length
            by default, as in the authors' code.
    """

    kernels: int = 100
    dims: int = 5
    kernel_init: Initializer = jax.nn.initializers.variance_scaling(1.0, "fan_in", "normal")

    @linen.compact
    def __call__(self, x: Array) -> Array:
        """Maps (B, ...) to (B, A + kernels), A the size of one example's features."""
        flat = x.reshape(x.shape[0], -1)
        shape = (flat.shape[-1], self.kernels * self.dims)
        kernel = self.param("kernel", self.kernel_init, shape, jnp.float32)
        rows = jnp.dot(flat.astype(jnp.float32), kernel)
        rows = rows.reshape(-1, self.kernels, self.dims)
        everyone = tracing.gather(rows)
        distance = jnp.abs(rows[:, None] - everyone[None]).sum(axis=-1)
        own = tracing.global_rows(len(rows))[:, None] == jnp.arange(len(everyone))[None]
        closeness = jnp.where(own[..., None], 0.0, jnp.exp(-distance)).sum(axis=1)
        return jnp.concatenate([flat, closeness.astype(x.dtype)], axis=-1)


class MinibatchStddev(linen.Module):
    """Deviation over a group of examples as further channels (1710.10196, section 3).

    The n rows of the global batch form M = n / G groups of G = min(group_size, n); group m
    holds the rows m, m + M, m + 2M, ..., as in StyleGAN2's code (1912.04958). A channel is
    the deviation sqrt(var + epsilon) over the group, averaged over space and over one of
    `num_channels` equal blocks of the channels; it is the same number at every place of all
    examples of the group.

    Attributes:
        group_size: examples in a group; None for the whole batch.
        num_channels: channels appended.
        epsilon: added to the (biased) variance.
    """

    group_size: int | None = 4
    num_channels: int = 1
    epsilon: float = 1e-8

    def __call__(self, x: Array) -> Array:
        """Maps (B, ..., C) to (B, ..., C + num_channels).

        Raises:
            ValueError: the global batch is not a multiple of the group, or C not of
                `num_channels`.
        """
        deviations = self._deviations(tracing.gather(x).astype(jnp.float32))
        mine = tracing.global_rows(len(x)) % len(deviations)
        channels = jnp.take(deviations, mine, axis=0).astype(x.dtype)
        channels = channels.reshape(len(x), *(1,) * (x.ndim - 2), self.num_channels)
        wide = jnp.broadcast_to(channels, (*x.shape[:-1], self.num_channels))
        return jnp.concatenate([x, wide], axis=-1)

    def _deviations(self, x: Array) -> Array:
        """Mean deviations of every group, (M, num_channels)."""
        rows, channels = len(x), x.shape[-1]
        group = rows if self.group_size is None else min(self.group_size, rows)
        if rows % group:
            raise ValueError(
                f"minibatch stddev cannot split {rows} examples into groups of {group}; "
                "choose a batch size that is a multiple of group_size"
            )
        if channels % self.num_channels:
            raise ValueError(
                f"minibatch stddev cannot average {channels} channels into "
                f"{self.num_channels}; choose a num_channels that divides them"
            )
        x = x.reshape(
            group, rows // group, -1, self.num_channels, channels // self.num_channels
        )
        centred = x - x.mean(axis=0, keepdims=True)
        deviation = jnp.sqrt(jnp.square(centred).mean(axis=0) + self.epsilon)
        return deviation.mean(axis=(1, 3))


def combined(make: MinibatchFactory | None, x: Array) -> Array:
    """Applies a new module `make(name=...)`, or nothing where `make` is None. To be called
    inside a compact module.
    """
    return x if make is None else make(name="minibatch")(x)
