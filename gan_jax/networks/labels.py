"""How labels enter networks before their heads: beside inputs and hidden features, or
through the normalisations of a generator.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp

from gan_jax.nn.initializers import Initializer, glorot_uniform, normal
from gan_jax.nn.layers import Conv, Dense, Embed
from gan_jax.nn.norm import Modulated, NormFactory, conditioned, normalise
from gan_jax.types import Array

_GLOROT = glorot_uniform()
_UNIT = normal(1.0)

Normalised = Callable[[Array, str], Array]
"""`(h, name) -> h`, through a normalisation of that name, as the network has them."""

Join = Callable[[Array, Array, int, Normalised], Array]
"""`(h, y, num_classes, normalised) -> h with the labels`, for features h (B, ..., C) and
labels (B,). Called inside a compact module, which owns what it creates."""


def check_labels(y: Array | None, num_classes: int) -> Array:
    """The labels of a conditional network.

    Raises:
        ValueError: there are none.
    """
    if y is None:
        raise ValueError(
            f"this network is conditional on {num_classes} classes: pass labels y of shape "
            "(batch,), or build it with num_classes=None"
        )
    return y


def check_unlabelled(y: Array | None, num_classes: int | None) -> None:
    """Refuses labels that an unconditional network would not look at.

    Raises:
        ValueError: there are labels, but no classes.
    """
    if y is not None and num_classes is None:
        raise ValueError(
            "this network is unconditional: leave the labels out, or build it with the "
            "number of classes"
        )


def check_entries(num_classes: int | None, *entries: object) -> None:
    """Refuses a conditional network that labels cannot enter.

    Raises:
        ValueError: there are classes, but all `entries` are None.
    """
    if num_classes is not None and all(entry is None for entry in entries):
        raise ValueError(
            f"this network has num_classes={num_classes}, but nothing takes the labels: "
            "set input_labels, hidden_labels or modulation, or num_classes=None"
        )


def joined(
    join: Join | None,
    h: Array,
    y: Array | None,
    num_classes: int | None,
    norm: NormFactory | None = None,
    *,
    train: bool = False,
) -> Array:
    """Features with the labels, or as they are where there is no join or no classes.

    Args:
        join: how labels join, if they do.
        h: (B, ..., C).
        y: (B,).
        num_classes: number of classes, or None.
        norm: factory of the network's normalisations, if it has any.
        train: their mode.
    """
    if join is None or num_classes is None:
        return h

    def normalised(h: Array, name: str) -> Array:
        return normalise(norm, h, None, train=train, name=name)

    return join(h, check_labels(y, num_classes), num_classes, normalised)


# Concatenation.


def concatenation(
    features: int | None = None, *, embedding_init: Initializer = _UNIT
) -> Join:
    """Labels as further channels, the same at every place: CGAN's input (1411.1784).

    Args:
        features: length of the learned vector that stands for a label; None for the label
            as one-hot vector. Labels outside the classes give NaN.
        embedding_init: initialiser of the learned vectors.
    """

    def join(h: Array, y: Array, num_classes: int, normalised: Normalised) -> Array:
        del normalised
        if features is None:
            label = jnp.take(jnp.eye(num_classes, dtype=h.dtype), y, axis=0)
        else:
            label = Embed(num_classes, features, embedding_init, h.dtype)(y)
        return _tile(h, label)

    return join


def hidden_concatenation(
    features: int = 128, *, kernel_init: Initializer = _GLOROT
) -> Join:
    """A learned vector tiled beside hidden features, mixed into as many channels as before
    by a 1 x 1 convolution, the network's normalisation and LeakyReLU 0.2 (Reed et al. 2016,
    1605.05396, section 4.1, with the batch norm of the authors' code).

    Args:
        features: length of the vector, 128 in the paper; it starts with a norm of about 1.
        kernel_init: initialiser of the mixing kernel.
    """
    embedding_init = normal(1.0 / math.sqrt(features))

    def join(h: Array, y: Array, num_classes: int, normalised: Normalised) -> Array:
        embed = Embed(num_classes, features, embedding_init, h.dtype, name="hidden_embed")
        layer = Dense if h.ndim == 2 else partial(Conv, kernel_size=(1, 1))
        mix = layer(h.shape[-1], kernel_init=kernel_init, dtype=h.dtype, name="hidden_mix")
        mixed = normalised(mix(_tile(h, embed(y))), "hidden_norm")
        return jax.nn.leaky_relu(mixed, 0.2)

    return join


def _tile(h: Array, label: Array) -> Array:
    """`label` (B, F) beside the channels of `h` (B, ..., C), at every place."""
    maps = label.reshape(label.shape[0], *(1,) * (h.ndim - 2), label.shape[-1])
    return jnp.concatenate([h, jnp.broadcast_to(maps, (*h.shape[:-1], maps.shape[-1]))], -1)


# Modulated normalisations.


class Modulation(NamedTuple):
    """What the normalisations of a generator are conditioned on. Both functions are called
    inside a compact module, which owns what they create.

    Attributes:
        norm: `(norm, num_classes) -> norm`; the generator's normalisation, conditioned.
        style: `(z, y, num_classes) -> y` that every conditioned normalisation is given.
    """

    norm: Callable[[NormFactory | None, int | None], NormFactory | None]
    style: Callable[[Array, Array | None, int | None], Array | None]


def modulated(
    modulation: Modulation | None,
    norm: NormFactory | None,
    z: Array,
    y: Array | None,
    num_classes: int | None,
) -> tuple[NormFactory | None, Array | None]:
    """The normalisation of a generator, and what to call it with besides features."""
    if modulation is None:
        return norm, None
    return modulation.norm(norm, num_classes), modulation.style(z, y, num_classes)


def _labels(z: Array, y: Array | None, num_classes: int | None) -> Array | None:
    del z
    return None if num_classes is None else check_labels(y, num_classes)


BY_CLASS = Modulation(conditioned, _labels)
"""Class-conditional batch normalisation, in place of the generator's norm, where there are
classes (1610.07629)."""


def by_embedding(
    features: int = 128, *, kernel_init: Initializer = jax.nn.initializers.zeros
) -> Modulation:
    """Gains and biases linear in one embedding of the class that all normalisations share,
    where there are classes (BigGAN, 1809.11096, section 3.1).

    Args:
        features: length of the embedding, "shared_embed/embedding".
        kernel_init: initialiser of the linear maps; see `Modulated`.
    """

    def norm(base: NormFactory | None, num_classes: int | None) -> NormFactory | None:
        if num_classes is None:
            return base
        return _over(base, use_bias=False, kernel_init=kernel_init)

    def style(z: Array, y: Array | None, num_classes: int | None) -> Array | None:
        del z
        if num_classes is None:
            return None
        embed = Embed(num_classes, features, name="shared_embed")
        return embed(check_labels(y, num_classes))

    return Modulation(norm, style)


def by_latent(
    hidden: int | None = 32, *, kernel_init: Initializer = jax.nn.initializers.zeros
) -> Modulation:
    """Self-modulation (1810.01365): gains and biases are functions of the latent, and where
    there are classes of `z + E(y) + z * E'(y)` with two embeddings (section 2).

    Over `norm=InstanceNorm` this is AdaIN with the latent as style.

    Args:
        hidden: units of the hidden layers, 32 in the paper; None for linear maps (FiLM).
        kernel_init: initialiser of the last maps; see `Modulated`.
    """

    def norm(base: NormFactory | None, num_classes: int | None) -> NormFactory | None:
        del num_classes
        return _over(base, hidden=hidden, kernel_init=kernel_init)

    def style(z: Array, y: Array | None, num_classes: int | None) -> Array | None:
        z = z.astype(jnp.float32)
        if num_classes is None:
            return z
        y = check_labels(y, num_classes)
        shift = Embed(num_classes, z.shape[-1], name="style_shift")(y)
        scale = Embed(num_classes, z.shape[-1], name="style_scale")(y)
        return z + shift + z * scale

    return Modulation(norm, style)


def _over(
    base: NormFactory | None,
    *,
    kernel_init: Initializer,
    hidden: int | None = None,
    use_bias: bool = True,
) -> NormFactory:
    """`base` without gain and bias of its own, modulated.

    Raises:
        ValueError: there is no normalisation to carry the style.
    """
    if base is None:
        raise ValueError(
            "a generator cannot modulate norm=None: keep a norm, or set modulation=None"
        )
    return partial(
        Modulated,
        base=partial(base, affine=False),
        hidden=hidden,
        use_bias=use_bias,
        kernel_init=kernel_init,
    )
