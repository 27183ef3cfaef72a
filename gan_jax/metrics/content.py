"""A layer of a network that comes with the package, as a frozen net of a game."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import jax.numpy as jnp

from gan_jax.metrics import weights_store
from gan_jax.metrics.weights_store import Origin
from gan_jax.networks import squeezenet
from gan_jax.types import Array, Key, Net, Params, Stats

_NAME = "squeezenet11"
_SCALES = {
    "conv1": 0.0074,
    "fire3": 0.003,
    "fire5": 0.0036,
    "fire6": 0.0029,
    "fire7": 0.0055,
    "fire8": 0.008,
    "fire9": 0.019,
}


def squeezenet_layer(layer: str) -> Net:
    """Feature maps of SqueezeNet 1.1, whose weights come with the package.

    Maps are scaled so that the mean squared error of bicubic enlargements by 4, of photos
    as of emoji, is about that of their pixels in [-1, 1]: what 1609.04802 (section 3.1)
    does to VGG's by 1 / 12.75.

    Args:
        layer: "conv1" or "fire3", "fire5" ... "fire9", after its ReLU.

    Returns:
        A net without statistics, of images (n, H, W, 1 or 3) in [-1, 1] with sides of 17
        and more, to maps (n, h, w, c).
    """
    place, scale = list(_SCALES).index(layer), _SCALES[layer]
    origin = Origin("squeezenet", _NAME)
    module = squeezenet.SqueezeNet()

    def init(key: Key) -> tuple[Params, Stats]:
        del key
        return weights_store.built_in(_NAME, origin).variables["params"], {}

    def apply(
        params: Params, stats: Stats, images: Array, *, train: bool
    ) -> tuple[Array, Stats]:
        del train
        pixels = (images.astype(jnp.float32) + 1.0) * 127.5
        colours = jnp.broadcast_to(pixels, (*pixels.shape[:3], 3))
        seen: Any = module.apply({"params": params}, squeezenet.prepare(colours))
        return scale * seen.activations[place], stats

    return Net(init, apply)


CONTENT: Mapping[str, Net | None] = MappingProxyType(
    {"pixels": None} | {f"{_NAME}_{layer}": squeezenet_layer(layer) for layer in _SCALES}
)
"""What SRGAN's content loss may be of, by name."""
