"""Encoders, and discriminators of pairs of examples and codes."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from flax import linen
from jax.typing import DTypeLike

from gan_jax.networks.heads import Head, linear
from gan_jax.nn.initializers import Initializer, glorot_uniform
from gan_jax.nn.layers import Dense
from gan_jax.types import Array, Key, Outputs, Posterior

Trunk = Callable[..., linen.Module]
"""`(name=...) -> module`, the module called `(x, train=...)` on examples (B, ...), giving
features (B, F): a discriminator with the head `flat`."""


class Encoder(linen.Module):
    """Features of a trunk, and linear codes of them.

    Attributes:
        trunk: factory of the network that looks at examples.
        latent_dim: length Z of the codes.
        stochastic: whether it gives a `Posterior`, from which codes are drawn (ALI,
            1606.00704, section 2.1), and not codes (BiGAN, 1605.09782).
        kernel_init: initialiser of the last kernels.
    """

    trunk: Trunk
    latent_dim: int
    stochastic: bool = False
    kernel_init: Initializer = glorot_uniform()

    @linen.compact
    def __call__(
        self, x: Array, *, train: bool = False, **noise: Key | None
    ) -> Array | Posterior:
        """Maps examples (B, ...) to codes (B, Z), float32, or what is known of them; a
        trunk that draws noise takes `keys` (B,).
        """
        h = self.trunk(name="trunk")(x, train=train, **noise).astype(jnp.float32)
        dense = partial(Dense, self.latent_dim, kernel_init=self.kernel_init)
        mean = dense(name="mean")(h)
        if not self.stochastic:
            return mean
        return Posterior(mean, dense(name="log_variance")(h))


class JointDiscriminator(linen.Module):
    """A trunk of examples, dense layers of codes, and dense layers of both together.

    ALI's (1606.00704, appendix A), and with a trunk that flattens BiGAN's on digits
    (1605.09782, section 4.1), which lays codes beside pixels.

    Attributes:
        trunk: factory of the network that looks at examples.
        code_features: widths of the layers that codes pass first.
        features: widths of the layers after features of both are laid side by side.
        activation: after every dense layer.
        head: what becomes of the last features.
        kernel_init: initialiser of the kernels.
        dtype: compute type; parameters and logits are float32.
    """

    trunk: Trunk
    code_features: tuple[int, ...]
    features: tuple[int, ...]
    activation: Callable[[Array], Array] = partial(jax.nn.leaky_relu, negative_slope=0.2)
    head: Head = linear
    kernel_init: Initializer = glorot_uniform()
    dtype: DTypeLike = jnp.float32

    @linen.compact
    def __call__(
        self, pair: tuple[Array, Array], *, train: bool = False
    ) -> Array | Outputs:
        """Maps pairs (B, ...) and (B, Z) to logits (B,), or what the head gives."""
        x, code = pair
        dense = partial(Dense, kernel_init=self.kernel_init, dtype=self.dtype)
        h = self.trunk(name="trunk")(x, train=train).astype(self.dtype)
        code = code.astype(self.dtype)
        for index, width in enumerate(self.code_features):
            code = self.activation(dense(width, name=f"code_{index}")(code))
        h = jnp.concatenate([h, code], axis=-1)
        for index, width in enumerate(self.features):
            h = self.activation(dense(width, name=f"joint_{index}")(h))
        return self.head(h.astype(jnp.float32), None, None, self.kernel_init)


class Flatten(linen.Module):
    """Examples as rows, for networks of dense layers alone."""

    @linen.compact
    def __call__(self, x: Array, **mode: Any) -> Array:
        """Maps (B, ...) to (B, F)."""
        del mode
        return x.reshape(x.shape[0], -1)
