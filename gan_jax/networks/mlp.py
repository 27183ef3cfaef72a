"""Multi-layer perceptrons: the nets of 1406.2661 on digits, and of two-dimensional toys."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial

import jax
import jax.numpy as jnp
from flax import linen
from jax.typing import DTypeLike

from gan_jax.networks.labels import check_labels, projection_logits
from gan_jax.nn.initializers import Initializer, glorot_uniform
from gan_jax.nn.layers import Dense, Embed
from gan_jax.types import Array

Activation = Callable[[Array], Array]


class MLPGenerator(linen.Module):
    """Dense layers from a latent to points or images.

    Attributes:
        features: widths of the hidden layers.
        out_shape: shape of one example, (2,) for points or (H, W, C).
        activation: after every hidden layer.
        out_activation: `jnp.tanh` for images in [-1, 1]; None for points.
        num_classes: number of classes, whose learned embedding is appended to the latent;
            None is unconditional and ignores labels.
        label_features: length of that embedding.
        kernel_init: initialiser of every kernel.
        dtype: compute type; parameters and outputs are float32.
    """

    features: tuple[int, ...]
    out_shape: tuple[int, ...]
    activation: Activation = jax.nn.relu
    out_activation: Activation | None = jnp.tanh
    num_classes: int | None = None
    label_features: int = 32
    kernel_init: Initializer = glorot_uniform()
    dtype: DTypeLike = jnp.float32

    @linen.compact
    def __call__(self, z: Array, y: Array | None = None, *, train: bool = False) -> Array:
        """Maps latents (B, Z) and labels (B,) to (B, *out_shape)."""
        dense = partial(Dense, kernel_init=self.kernel_init, dtype=self.dtype)
        h = z.astype(self.dtype)
        if self.num_classes is not None:
            y = check_labels(y, self.num_classes)
            embed = Embed(self.num_classes, self.label_features, dtype=self.dtype)
            h = jnp.concatenate([h, embed(y)], axis=-1)
        for width in self.features:
            h = self.activation(dense(width)(h))
        out = dense(math.prod(self.out_shape))(h)
        out = out.astype(jnp.float32).reshape(-1, *self.out_shape)
        return out if self.out_activation is None else self.out_activation(out)


class MLPDiscriminator(linen.Module):
    """Dense layers from points or flattened images to a logit.

    Attributes:
        features: widths of the hidden layers.
        activation: after every hidden layer.
        num_classes: number of classes for a projection discriminator (1802.05637); None is
            unconditional and ignores labels.
        kernel_init: initialiser of every kernel.
        dtype: compute type; parameters and logits are float32.
    """

    features: tuple[int, ...]
    activation: Activation = partial(jax.nn.leaky_relu, negative_slope=0.2)
    num_classes: int | None = None
    kernel_init: Initializer = glorot_uniform()
    dtype: DTypeLike = jnp.float32

    @linen.compact
    def __call__(self, x: Array, y: Array | None = None, *, train: bool = False) -> Array:
        """Maps examples (B, ...) and labels (B,) to logits (B,)."""
        dense = partial(Dense, kernel_init=self.kernel_init, dtype=self.dtype)
        h = x.reshape(x.shape[0], -1).astype(self.dtype)
        for width in self.features:
            h = self.activation(dense(width)(h))
        head = Dense(1, kernel_init=self.kernel_init, name="logit")
        return projection_logits(h.astype(jnp.float32), y, head, self.num_classes)
