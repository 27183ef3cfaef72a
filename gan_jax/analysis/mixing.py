"""Style mixing (StyleGAN, 1812.04948, section 3.1 and figure 3)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

import jax.numpy as jnp

from gan_jax.types import Array

_T = TypeVar("_T")
_EACH = 4
"""Layers at the resolutions 4 and 8, and as many at 16 and 32."""


def layer_parts(count: int) -> dict[str, range]:
    """The layers of a network that are "coarse", "middle" and "fine".

    Two layers have the same resolution. As published, those of 4 and 8 pixels are coarse,
    those of 16 and 32 middle, and those of 64 and more fine; networks that have none of
    these are cut into thirds.

    Args:
        count: layers of the network, two for every resolution from 4 on.
    """
    first, second = _EACH, 2 * _EACH
    if count <= second:
        first, second = round(count / 3), round(2 * count / 3)
    return {
        "coarse": range(first),
        "middle": range(first, second),
        "fine": range(second, count),
    }


def in_layers(ws: Array, others: Array, layers: Sequence[int]) -> Array:
    """Styles, in some layers replaced by others.

    Args:
        ws: (..., layers, W).
        others: of the same shape, or one that broadcasts to it.
        layers: whose styles are of `others`, counted from 0.

    Returns:
        As both together.

    Raises:
        ValueError: a layer that the network does not have.
    """
    count = ws.shape[-2]
    if strange := [layer for layer in layers if not 0 <= layer < count]:
        raise ValueError(f"no layer {strange[0]}: styles are of layers 0 to {count - 1}")
    taken = jnp.isin(jnp.arange(count), jnp.asarray(list(layers), jnp.int32))
    return jnp.where(taken.reshape((1,) * (ws.ndim - 2) + (-1, 1)), others, ws)


def style_mixing(
    mapping: Callable[[_T], Array],
    synthesis: Callable[[Array], Array],
    sources: _T,
    others: _T,
    layers: Sequence[int],
) -> Array:
    """Images of some latents with the styles of others in some layers.

    Args:
        mapping: what styles are made of, such as latents (n, Z), to the styles of every
            layer (n, layers, W).
        synthesis: styles (n, layers, W) to images (n, H, W, C).
        sources: give all other styles; a row each.
        others: give the styles of `layers`; a column each.
        layers: counted from 0. The first ones are coarse: pose and shape; the last ones
            colour and texture. See `layer_parts`.

    Returns:
        (r + 1, c + 1, H, W, C): the mixtures, with the images of `others` above them, those
        of `sources` on their left and white in the corner.

    Raises:
        ValueError: a layer that the network does not have.
    """
    rows, columns = mapping(sources), mapping(others)
    mixed = in_layers(rows[:, None], columns[None], layers)
    beside = jnp.concatenate([rows[:, None], mixed], axis=1)
    flat = jnp.concatenate([columns, beside.reshape(-1, *rows.shape[1:])])
    images = synthesis(flat)
    top, below = images[: len(columns)], images[len(columns) :]
    above = jnp.concatenate([jnp.ones_like(top[:1]), top])[None]
    return jnp.concatenate([above, below.reshape(len(rows), -1, *images.shape[1:])])
