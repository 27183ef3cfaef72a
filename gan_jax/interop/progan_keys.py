"""Keys of the ports of ProGAN: where each of our variables comes from."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np

from gan_jax.interop.state_dict import (
    Rule,
    as_is,
    channels_last,
    conv,
    linear,
    then,
)


def pro_gan_pytorch_generator() -> list[Rule]:
    """Rules of pro_gan_pytorch's generator."""

    def layer(name: str, stage: str, index: str) -> str:
        return f"layers.{stage}.conv_{int(index) + 1}.{name}"

    return [
        Rule("params/project/kernel", "layers.0.conv_1.weight", _transposed),
        Rule("params/bias", "layers.0.conv_1.bias", as_is),
        *_both(r"conv_(\d+)_(\d)", layer),
        *_both(r"image_(\d+)", lambda name, stage: f"rgb_converters.{stage}.{name}"),
    ]


def pro_gan_pytorch_discriminator(stages: int) -> list[Rule]:
    """Rules of pro_gan_pytorch's discriminator, which counts from the finest stage."""

    def place(stage: str) -> int:
        return stages - 1 - int(stage)

    def layer(name: str, stage: str, index: str) -> str:
        return f"layers.{place(stage)}.conv_{int(index) + 1}.{name}"

    last = f"layers.{stages - 1}"
    return [
        *_both(r"conv_(\d+)_(\d)", layer),
        *_both(r"image_(\d+)", lambda name, stage: f"from_rgb.{place(stage)}.0.{name}"),
        Rule("params/hidden/kernel", f"{last}.conv_2.weight", _flattened),
        Rule("params/hidden/bias", f"{last}.conv_2.bias", as_is),
        Rule("params/logit/kernel", f"{last}.conv_3.weight", _flattened),
        Rule("params/logit/bias", f"{last}.conv_3.bias", as_is),
        Rule("params/embed/embedding", f"{last}.label_embedder.weight", _within_ball),
    ]


def gan_zoo_generator(channels: int) -> list[Rule]:
    """Rules of pytorch_GAN_zoo's generator.

    Args:
        channels: of the 4 x 4 maps.
    """
    return [
        Rule(
            "params/project/kernel",
            "formatLayer.module.weight",
            then(channels_last(channels), linear),
        ),
        Rule("params/bias", "formatLayer.module.bias", partial(_maps, channels)),
        *_both("conv_0_1", lambda name: f"groupScale0.0.module.{name}"),
        *_both(r"conv_(\d+)_(\d)", _gan_zoo_layer),
        *_both(r"image_(\d+)", lambda name, stage: f"toRGBLayers.{stage}.module.{name}"),
    ]


def gan_zoo_discriminator(channels: int) -> list[Rule]:
    """Rules of pytorch_GAN_zoo's discriminator.

    Args:
        channels: of the 4 x 4 maps.
    """
    flat = then(linear, channels_last(channels))
    return [
        *_both("conv_0_0", lambda name: f"groupScaleZero.0.module.{name}"),
        *_both(r"conv_(\d+)_(\d)", _gan_zoo_layer),
        *_both(r"image_(\d+)", lambda name, stage: f"fromRGBLayers.{stage}.module.{name}"),
        Rule("params/hidden/kernel", "groupScaleZero.1.module.weight", flat),
        Rule("params/hidden/bias", "groupScaleZero.1.module.bias", as_is),
        Rule("params/logit/kernel", "decisionLayer.module.weight", linear),
        Rule("params/logit/bias", "decisionLayer.module.bias", as_is),
    ]


def _gan_zoo_layer(name: str, stage: str, index: str) -> str:
    return f"scaleLayers.{int(stage) - 1}.{index}.module.{name}"


def _both(path: str, key: Callable[..., str]) -> list[Rule]:
    """Kernel and bias of convolutions, by `key("weight", *groups)`."""
    return [
        Rule(f"params/{path}/kernel", partial(key, "weight"), conv),
        Rule(f"params/{path}/bias", partial(key, "bias"), as_is),
    ]


def _transposed(x: np.ndarray) -> np.ndarray:
    """A transposed convolution of one pixel, (I, O, H, W), to (I, H * W * O)."""
    return x.transpose(0, 2, 3, 1).reshape(len(x), -1)


def _flattened(x: np.ndarray) -> np.ndarray:
    """A convolution to one pixel, (O, I, H, W), to (H * W * I, O)."""
    return x.transpose(2, 3, 1, 0).reshape(-1, len(x))


def _maps(channels: int, x: np.ndarray) -> np.ndarray:
    """(C * 16,) to (4, 4, C)."""
    return x.reshape(channels, 4, 4).transpose(1, 2, 0)


def _within_ball(x: np.ndarray) -> np.ndarray:
    """Rows longer than 1 shortened to 1, as the original does where it looks them up."""
    lengths = np.linalg.norm(x, axis=-1, keepdims=True)
    return np.where(lengths > 1.0, x / (lengths + 1e-7), x).astype(np.float32)
