"""Style mixing (StyleGAN, 1812.04948, section 3.1 and figure 3)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import jax.numpy as jnp

from gan_jax.types import Array


def style_mixing(
    mapping: Callable[[Array], Array],
    synthesis: Callable[[Array], Array],
    sources: Array,
    others: Array,
    layers: Sequence[int],
) -> Array:
    """Images of some latents with the styles of others in some layers.

    Args:
        mapping: latents (n, Z) to the styles of every layer (n, layers, W).
        synthesis: styles (n, layers, W) to images (n, H, W, C).
        sources: latents (r, Z) that give all other styles; a row each.
        others: latents (c, Z) that give the styles of `layers`; a column each.
        layers: counted from 0. The first ones are coarse: pose and shape; the last ones
            colour and texture.

    Returns:
        (r + 1, c + 1, H, W, C): the mixtures, with the images of `others` above them, those
        of `sources` on their left and white in the corner.

    Raises:
        ValueError: a layer that the network does not have.
    """
    rows, columns = mapping(sources), mapping(others)
    count = rows.shape[1]
    if strange := [layer for layer in layers if not 0 <= layer < count]:
        raise ValueError(f"no layer {strange[0]}: styles are of layers 0 to {count - 1}")
    taken = jnp.isin(jnp.arange(count), jnp.asarray(layers, jnp.int32))[None, None, :, None]
    mixed = jnp.where(taken, columns[None], rows[:, None])
    flat = mixed.reshape(-1, *mixed.shape[2:])
    images = synthesis(flat).reshape(len(rows), len(columns), *synthesis(rows).shape[1:])
    left, top = synthesis(rows), synthesis(columns)
    corner = jnp.ones_like(top[:1])
    above = jnp.concatenate([corner, top])[None]
    return jnp.concatenate([above, jnp.concatenate([left[:, None], images], axis=1)])
