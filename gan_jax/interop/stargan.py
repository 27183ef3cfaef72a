"""Weights of StarGAN, both networks: https://github.com/yunjey/stargan.

Its instance normalisations evaluate by running statistics.
"""

from __future__ import annotations

from gan_jax.errors import UserError
from gan_jax.interop.state_dict import Imported, StateDict
from gan_jax.interop.torch_layers import (
    affine,
    conv_transpose,
    import_layers,
    tracked_norm,
)
from gan_jax.networks.stargan import StarGANDiscriminator, StarGANGenerator
from gan_jax.nn.running_instance import RunningInstanceNorm


def import_state_dict(
    state_dict: StateDict,
    network: str,
    *,
    conv_dim: int = 64,
    c_dim: int = 5,
    repeat_num: int = 6,
    image_size: int = 128,
) -> Imported:
    """Weights of StarGAN as a network of this library.

    Args:
        state_dict: numpy arrays under the original keys.
        network: "generator" or "discriminator".
        conv_dim: channels of the first layer.
        c_dim: number of domains or attributes.
        repeat_num: residual blocks of the generator, or halvings of the discriminator.
        image_size: side of the images that the discriminator judges; the generator takes
            any.

    Returns:
        See `Imported`. Both are called with images in [-1, 1]; the generator also with
        attributes, float (B, c_dim), or labels, int (B,).

    Raises:
        UserError: the network is not known, or these are not its weights; lists every key
            that does not fit.
    """
    if network == "generator":
        return _generator(state_dict, conv_dim, c_dim, repeat_num)
    if network == "discriminator":
        return _discriminator(state_dict, image_size, conv_dim, c_dim, repeat_num)
    raise UserError(f"network must be generator or discriminator, got {network!r}")


def _generator(given: StateDict, conv_dim: int, c_dim: int, repeat_num: int) -> Imported:
    module = StarGANGenerator(
        c_dim, width=conv_dim, blocks=repeat_num, norm=RunningInstanceNorm
    )
    layers = {"stem": 0, "down_0": 3, "down_1": 6}
    rules = []
    for path, place in layers.items():
        rules += affine(path, f"main.{place}")
        rules += tracked_norm(f"{path}_norm", f"main.{place + 1}")
    for index in range(repeat_num):
        inner = f"main.{9 + index}.main"
        for conv in range(2):
            rules += affine(f"block_{index}/conv_{conv}", f"{inner}.{3 * conv}")
            rules += tracked_norm(f"block_{index}/norm_{conv}", f"{inner}.{3 * conv + 1}")
    for index in range(2):
        place = 9 + repeat_num + 3 * index
        rules += affine(f"up_{index}", f"main.{place}", conv_transpose)
        rules += tracked_norm(f"up_{index}_norm", f"main.{place + 1}")
    rules += affine("image", f"main.{15 + repeat_num}")
    inputs = [(1, 16, 16, 3), (1, c_dim)]
    return import_layers("StarGAN's generator", module, inputs, rules, given)


def _discriminator(
    given: StateDict, image_size: int, conv_dim: int, c_dim: int, repeat_num: int
) -> Imported:
    module = StarGANDiscriminator(c_dim, conv_dim, repeat_num)
    rules = [*affine("logit", "conv1"), *affine("classes", "conv2")]
    for index in range(repeat_num):
        rules += affine(f"conv_{index}", f"main.{2 * index}")
    inputs = [(1, image_size, image_size, 3)]
    return import_layers("StarGAN's discriminator", module, inputs, rules, given)
