"""Generators with styles: a mapping network from latents to the styles of all layers, as of
StyleGAN (1812.04948) and StyleGAN2 (1912.04958), and a synthesis network after it.
"""

from __future__ import annotations

import jax.numpy as jnp
from flax import linen
from jax import lax

from gan_jax import tracing
from gan_jax.networks.labels import check_labels, check_unlabelled
from gan_jax.networks.stylegan2_layers import CONST, Noise, ScaledDense
from gan_jax.nn.bias_act import LRELU, Nonlinearity
from gan_jax.types import Array


class MappingNetwork(linen.Module):
    """Dense layers from normalised latents, and a class embedding beside them, to w.

    Attributes:
        w_dim: length of w.
        num_ws: layers that each get w as their style; None gives w itself.
        num_classes: number of classes; None is unconditional.
        layers: number of layers.
        features: units of the layers before the last; None for `w_dim`.
        embedding: length of the class embedding; None for `w_dim`.
        activation: after every layer.
        lr_mult: multiplier of the learning rate.
        decay: of the running mean of w, in the collection "averages", which truncation is
            around; None keeps none.
    """

    w_dim: int = 512
    num_ws: int | None = None
    num_classes: int | None = None
    layers: int = 8
    features: int | None = None
    embedding: int | None = None
    activation: Nonlinearity = LRELU
    lr_mult: float = 0.01
    decay: float | None = 0.995

    @linen.compact
    def __call__(
        self,
        z: Array | None,
        y: Array | None = None,
        *,
        train: bool = False,
        truncation: float = 1.0,
        layers: tuple[int, int] | None = None,
    ) -> Array:
        """Maps latents and labels to styles, float32.

        Args:
            z: (B, Z), or None for a function of the labels alone.
            y: labels (B,), or weights of the classes, float (B, num_classes).
            train: whether the running mean moves, where its collection is mutable.
            truncation: psi; 0 gives the running mean.
            layers: the first, and one past the last, whose styles are truncated; None for
                all.

        Returns:
            (B, num_ws, w_dim), or (B, w_dim).

        Raises:
            ValueError: there is no running mean to truncate around, or there are labels
                but no classes, or classes but no labels.
        """
        check_unlabelled(y, self.num_classes)
        parts = [] if z is None else [_normalised(z.astype(jnp.float32))]
        if self.num_classes is not None:
            embedding = self.w_dim if self.embedding is None else self.embedding
            embed = ScaledDense(embedding, name="embed")
            parts.append(_normalised(embed(_as_weights(y, self.num_classes))))
        h = jnp.concatenate(parts, axis=-1)
        features = self.w_dim if self.features is None else self.features
        for index in range(self.layers):
            units = self.w_dim if index == self.layers - 1 else features
            dense = ScaledDense(units, self.activation, self.lr_mult, name=f"dense_{index}")
            h = dense(h)
        mean = self._mean(h, train, needed=truncation != 1.0)
        if self.num_ws is not None:
            h = jnp.broadcast_to(h[:, None], (h.shape[0], self.num_ws, self.w_dim))
        if mean is None or truncation == 1.0:
            return h
        return truncated(h, mean, truncation, layers)

    def _mean(self, w: Array, train: bool, *, needed: bool) -> Array | None:
        """The running mean, moved in training; read only where it is of use."""
        if self.decay is None:
            if needed:
                raise ValueError("truncation needs a running mean of w: set decay")
            return None
        moving = train and self.is_mutable_collection("averages")
        if not (self.is_initializing() or moving or needed):
            return None
        mean = self.variable("averages", "w", jnp.zeros, (self.w_dim,), jnp.float32)
        before = mean.value
        if moving and not self.is_initializing():
            present = tracing.pmean(lax.stop_gradient(w).mean(axis=0))
            mean.value = present + self.decay * (before - present)
        return before


def truncated(
    ws: Array, mean: Array, psi: float | Array, layers: tuple[int, int] | None = None
) -> Array:
    """Styles pulled towards a mean (1812.04948, appendix B), in some layers.

    Args:
        ws: (B, num_ws, W), or w (B, W).
        mean: (W,).
        psi: weight of the styles; 1 leaves them as they are.
        layers: the first, and one past the last; None for all.

    Returns:
        As `ws`.
    """
    middle = mean.reshape((1,) * (ws.ndim - 1) + (-1,))
    pulled = middle + psi * (ws - middle)
    if layers is None or ws.ndim == 2:
        return pulled
    index = jnp.arange(ws.shape[1])
    chosen = (index >= layers[0]) & (index < layers[1])
    return jnp.where(chosen[None, :, None], pulled, ws)


class StyledGenerator(linen.Module):
    """A mapping and a synthesis network as one generator of latents, and by halves:
    `module.apply(variables, z, y, method="styles")` and `method="images"`.

    Attributes:
        mapping: latents and labels to styles (B, num_ws, W), as `MappingNetwork`.
        synthesis: styles to images, as `SynthesisNetwork`.
    """

    mapping: linen.Module
    synthesis: linen.Module

    def __call__(
        self,
        z: Array,
        y: Array | None = None,
        *,
        train: bool = False,
        truncation: float = 1.0,
        layers: tuple[int, int] | None = None,
        noise: Noise = CONST,
    ) -> Array:
        """Maps latents (B, Z) and labels (B,) to images (B, H, W, C)."""
        ws = self.styles(z, y, train=train, truncation=truncation, layers=layers)
        return self.images(ws, noise=noise)

    def styles(
        self,
        z: Array,
        y: Array | None = None,
        *,
        train: bool = False,
        truncation: float = 1.0,
        layers: tuple[int, int] | None = None,
    ) -> Array:
        """Latents and labels to styles (B, num_ws, W)."""
        return self.mapping(z, y, train=train, truncation=truncation, layers=layers)

    def images(self, ws: Array, *, noise: Noise = CONST) -> Array:
        """Styles to images."""
        return self.synthesis(ws, noise=noise)


def crossed(first: Array, second: Array, cuts: Array) -> Array:
    """Mixes styles (1812.04948, section 3.1).

    Args:
        first: (B, layers, W).
        second: the same.
        cuts: int32 (B,), the layer from which on the second styles take the place of the
            first; all layers' number for none.

    Returns:
        (B, layers, W).
    """
    later = jnp.arange(first.shape[1])[None, :] >= cuts[:, None]
    return jnp.where(later[:, :, None], second, first)


def _normalised(x: Array) -> Array:
    """Rows of mean square 1."""
    return x * lax.rsqrt(jnp.square(x).mean(axis=-1, keepdims=True) + 1e-8)


def _as_weights(y: Array | None, num_classes: int) -> Array:
    """Labels as weights of the classes, float32 (B, num_classes); NaN for those outside."""
    y = check_labels(y, num_classes)
    if jnp.issubdtype(y.dtype, jnp.floating):
        return y.astype(jnp.float32)
    return jnp.take(jnp.eye(num_classes, dtype=jnp.float32), y, axis=0)
