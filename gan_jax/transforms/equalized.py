"""Equalised learning rate."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

from gan_jax import trees
from gan_jax.transforms.base import identity, kernels, last_name, select
from gan_jax.types import Array, Key, Params, ParamTransform, PyTree

Multiplier = float | Callable[[str], float]
"""One number, or `(path) -> number`."""


def biases(path: str, leaf: Array) -> bool:
    """Selects parameters called "bias"."""
    del leaf
    return last_name(path) == "bias"


def equalized_lr(
    *,
    where: trees.Where = kernels,
    unscaled: trees.Where = biases,
    gain: Multiplier = 1.0,
    lr_mult: Multiplier = 1.0,
) -> ParamTransform:
    """Scales kernels at run time by He's constant, Karras et al. 2017 (arXiv 1710.10196).

    A selected kernel (..., in, out) becomes kernel * gain / sqrt(fan_in) * lr_mult, with
    fan_in = prod(...) * in (section 4.1); a leaf selected by `unscaled` becomes
    leaf * lr_mult; everything else passes untouched. There is no state.

    The scale replaces the initialiser's: the network draws its kernels from N(0, 1), or
    from N(0, 1 / lr_mult^2) so that the multiplier slows learning without shrinking the
    effective weights (StyleGAN's mapping network, lr_mult 0.01). An adaptive optimizer then
    moves every kernel at the same relative speed, times lr_mult.

    Args:
        where: `(path, leaf) -> bool`, the kernels to scale. Default: leaves called
            "kernel".
        unscaled: `(path, leaf) -> bool`, further leaves that only take the multiplier.
            Default: leaves called "bias".
        gain: one number, or `(path) -> number`. ProGAN: sqrt(2), and 1 in the last layer;
            StyleGAN2: 1, its activations carry the sqrt(2).
        lr_mult: one number, or `(path) -> number`, as `by_prefix` makes it.

    Raises:
        ValueError: at `init`, nothing is selected.
    """

    def factor(path: str, leaf: Array) -> float:
        multiplier = _of_path(lr_mult, path)
        if where(path, leaf):
            fan_in = math.prod(leaf.shape[:-1])
            return _of_path(gain, path) / math.sqrt(fan_in) * multiplier
        return multiplier if unscaled(path, leaf) else 1.0

    def init(params: Params, key: Key) -> PyTree:
        del key
        select("equalized_lr", where, params)
        return ()

    def apply(params: Params, state: PyTree) -> Params:
        del state

        def one(path: str, leaf: Array) -> Array:
            scale = factor(path, leaf)
            return leaf if scale == 1.0 else leaf * scale

        return trees.map_with_path(one, params)

    return identity()._replace(init=init, apply=apply)


def by_prefix(
    values: Mapping[str, float], *, default: float = 1.0
) -> Callable[[str], float]:
    """Numbers by the beginnings of paths, such as `{"generator/mapping": 0.01}`.

    Args:
        values: number of every path that begins with these names; the longest beginning
            decides.
        default: number of all other paths.

    Returns:
        `(path) -> number`.
    """

    def value(path: str) -> float:
        found = [p for p in values if f"{path}/".startswith(f"{p.rstrip('/')}/")]
        return values[max(found, key=len)] if found else default

    return value


def _of_path(value: Multiplier, path: str) -> float:
    return value(path) if callable(value) else value
