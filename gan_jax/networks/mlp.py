"""Multi-layer perceptrons: the nets of 1406.2661 on digits, and of two-dimensional toys."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial

import jax
import jax.numpy as jnp
from flax import linen
from jax.typing import DTypeLike

from gan_jax.networks.heads import Head, projection
from gan_jax.networks.labels import (
    Join,
    Modulation,
    check_entries,
    concatenation,
    joined,
    modulated,
)
from gan_jax.nn.activations import Activation, inputs_of
from gan_jax.nn.initializers import Initializer, glorot_uniform
from gan_jax.nn.layers import Dense
from gan_jax.nn.minibatch import MinibatchFactory, combined
from gan_jax.nn.noise import dropout, gaussian_noise
from gan_jax.nn.norm import NormFactory, normalise
from gan_jax.types import Array, Key, Outputs


class MLPGenerator(linen.Module):
    """Dense layers from a latent to points or images.

    Attributes:
        features: widths of the hidden layers.
        out_shape: shape of one example, (2,) for points or (H, W, C).
        activation: after every hidden layer.
        out_activation: `jnp.tanh` for images in [-1, 1]; None for points.
        norm: factory of the normalisation of every hidden layer; None for none.
        num_classes: number of classes; None is unconditional and ignores labels.
        input_labels: how labels join the latent: by default, a learned vector beside it.
        hidden_labels: how labels join the last hidden layer, if they do.
        modulation: what the normalisations are conditioned on, if on anything.
        kernel_init: initialiser of every kernel.
        dtype: compute type; parameters and outputs are float32.
    """

    features: tuple[int, ...]
    out_shape: tuple[int, ...]
    activation: Activation = jax.nn.relu
    out_activation: Callable[[Array], Array] | None = jnp.tanh
    norm: NormFactory | None = None
    num_classes: int | None = None
    input_labels: Join | None = concatenation(32)
    hidden_labels: Join | None = None
    modulation: Modulation | None = None
    kernel_init: Initializer = glorot_uniform()
    dtype: DTypeLike = jnp.float32

    @linen.compact
    def __call__(self, z: Array, y: Array | None = None, *, train: bool = False) -> Array:
        """Maps latents (B, Z) and labels (B,) to (B, *out_shape)."""
        classes = self.num_classes
        check_entries(classes, self.input_labels, self.hidden_labels, self.modulation)
        norm, style = modulated(self.modulation, self.norm, z, y, classes)
        dense = partial(Dense, kernel_init=self.kernel_init, dtype=self.dtype)
        h = joined(self.input_labels, z.astype(self.dtype), y, classes)
        for index, width in enumerate(self.features):
            layer = dense(width * inputs_of(self.activation), use_bias=norm is None)
            h = normalise(norm, layer(h), style, train=train, name=f"norm_{index}")
            h = self.activation(h)
        h = joined(self.hidden_labels, h, y, classes, self.norm, train=train)
        out = dense(math.prod(self.out_shape))(h)
        out = out.astype(jnp.float32).reshape(-1, *self.out_shape)
        return out if self.out_activation is None else self.out_activation(out)


class MLPDiscriminator(linen.Module):
    """Dense layers from points or flattened images to a logit.

    Attributes:
        features: widths of the hidden layers.
        activation: after every hidden layer.
        norm: factory of the normalisation of every hidden layer; None for none.
        num_classes: number of classes; None is unconditional and ignores labels.
        input_labels: how labels join the flattened input, if they do.
        hidden_labels: how labels join the last hidden layer, if they do.
        minibatch: factory of a layer between the last hidden layer and the head.
        head: what becomes of the last features and the labels; by default a projection
            (1802.05637).
        input_noise: standard deviation of noise on the input in training.
        hidden_noise: of noise on every hidden layer (0.3 and 0.5 in the authors' code of
            1606.03498, on digits in [0, 1]).
        dropout: rate of hidden units that are dropped in training.
        kernel_init: initialiser of every kernel.
        dtype: compute type; parameters and logits are float32.
    """

    features: tuple[int, ...]
    activation: Activation = partial(jax.nn.leaky_relu, negative_slope=0.2)
    norm: NormFactory | None = None
    num_classes: int | None = None
    input_labels: Join | None = None
    hidden_labels: Join | None = None
    minibatch: MinibatchFactory | None = None
    head: Head = projection
    input_noise: float = 0.0
    hidden_noise: float = 0.0
    dropout: float = 0.0
    kernel_init: Initializer = glorot_uniform()
    dtype: DTypeLike = jnp.float32

    @linen.compact
    def __call__(
        self,
        x: Array,
        y: Array | None = None,
        *,
        keys: Key | None = None,
        train: bool = False,
    ) -> Array | Outputs:
        """Maps examples (B, ...) and labels (B,) to logits (B,), or what the head gives;
        `keys` (B,) are of noise and dropout, None for neither.
        """
        h = x.reshape(x.shape[0], -1).astype(self.dtype)
        h = gaussian_noise(h, keys, self.input_noise, "input_noise")
        h = joined(self.input_labels, h, y, self.num_classes)
        for index, width in enumerate(self.features):
            layer = Dense(
                width * inputs_of(self.activation),
                use_bias=self.norm is None,
                kernel_init=self.kernel_init,
                dtype=self.dtype,
            )
            h = normalise(self.norm, layer(h), None, train=train, name=f"norm_{index}")
            h = self.activation(h)
            h = gaussian_noise(h, keys, self.hidden_noise, f"noise_{index}")
            h = dropout(h, keys, self.dropout, f"dropout_{index}")
        h = joined(self.hidden_labels, h, y, self.num_classes, self.norm, train=train)
        h = combined(self.minibatch, h.astype(jnp.float32))
        return self.head(h, y, self.num_classes, self.kernel_init)
