"""What a discriminator has learnt, as features: DCGAN's recipe (1511.06434, section 5.1).

The activations of all of its convolutional layers, pooled by maxima to 4 x 4 grids, side by
side; a linear L2-SVM on top of them (`probes.svm_probe`) measures how much they tell.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend.core import JaxprEqn

from gan_jax.analysis import jaxprs
from gan_jax.game import View
from gan_jax.metrics import cache
from gan_jax.metrics.features import FeatureNet, Features, batched
from gan_jax.numerics import to_unit
from gan_jax.trees import leaves_with_path
from gan_jax.types import Array

ACTIVATIONS = frozenset({
    "relu", "leaky_relu", "relu6", "elu", "celu", "selu", "gelu", "silu", "mish",
    "softplus", "squareplus", "hard_tanh", "hard_sigmoid", "hard_silu", "tanh",
    "sigmoid", "logistic",
})  # fmt: skip
"""Functions of `jax.nn`, and operations, that are taken for activations."""

_CHUNK = 64
_VALUES = 2**20


def activation_maps(fn: Callable[..., Any]) -> Callable[..., list[Array]]:
    """A network's activations in place of its outputs.

    What counts is every result of an activation function that is a feature map
    (n, h, w, c): of a plain network one for each convolution, normalised if it is; of a
    residual block those within and that of the sum, where the next block or the head
    begins; shortcuts have none. Of a gate both factors count. Functions are recognised in
    the traced program, as calls of `jax.nn`, in whatever modules they stand.

    Args:
        fn: the network, a pure function, in evaluation mode.

    Returns:
        Function of the same arguments to the maps, in the order in which they are computed.
        It raises ValueError if there are none, or one stands within a loop or a branch.
    """

    def maps(*args: Any) -> list[Array]:
        closed, values, _ = jaxprs.traced(fn, *args)
        found: list[Array] = []

        def take(equation: JaxprEqn, inputs: list[Any]) -> list[Any]:
            found.extend(outputs := jaxprs.bind(equation, inputs))
            return outputs

        refusal = "activations within {} cannot be taken out"
        rule = jaxprs.replacing(_is_activation, take, refusal)
        jaxprs.evaluate(closed, values, rule)
        if not found:
            raise ValueError(
                "the network has no feature maps (n, h, w, c) from activation functions of "
                "jax.nn"
            )
        return found

    return maps


def discriminator_features(
    discriminator: View,
    *,
    labelled: bool = False,
    grid: int = 4,
    name: str = "discriminator",
) -> FeatureNet:
    """A discriminator's activations, pooled to grids, flattened and side by side.

    Args:
        discriminator: called with images (n, H, W, C) and, if `labelled`, int32 labels.
        labelled: whether it takes labels. Its features are then those for label 0; they
            depend on it only where labels enter before the head.
        grid: side of the grids; maps that are smaller keep their own size.
        name: of the features.

    Returns:
        The net; its images must be of the discriminator's size. Features are float32
        (n, the sum over activations of grid * grid * channels).

    Raises:
        ValueError: the grid is not positive.
    """
    if grid < 1:
        raise ValueError(f"grids need a positive side, got {grid}")
    weights = (discriminator.params, discriminator.stats)

    def pooled(given: tuple[Any, Any], images: Array) -> tuple[Array]:
        params, stats = given

        def outputs(x: Array) -> Any:
            inputs = (x, jnp.zeros((x.shape[0],), jnp.int32)) if labelled else (x,)
            return discriminator.net.apply(params, stats, *inputs, train=False)[0]

        maps = activation_maps(outputs)(to_unit(images))
        return (jnp.concatenate([_flat(grid_maxima(x, grid)) for x in maps], axis=-1),)

    runs: dict[int, Callable[[np.ndarray], tuple[np.ndarray, ...]]] = {}

    def features(images: np.ndarray) -> Features:
        # Of large images a few at a time: activations are many times larger.
        size = max(1, min(_CHUNK, _VALUES // max(1, int(np.prod(images.shape[1:])))))
        if size not in runs:
            runs[size] = batched(pooled, size, weights)
        return Features(*runs[size](images))

    arrays = {path: np.asarray(x) for path, x in leaves_with_path(weights)}
    given = f"grid {grid} {labelled} {cache.digest(arrays)}"
    return FeatureNet(name, features, hashlib.sha256(given.encode()).hexdigest(), "none")


def grid_maxima(x: Array, grid: int) -> Array:
    """Maxima over a grid of windows that cover a map; where its side is no multiple of the
    grid's, neighbouring windows share a row or a column.

    Args:
        x: (n, h, w, c).
        grid: windows along each axis, or as many as there are pixels.

    Returns:
        (n, min(grid, h), min(grid, w), c).
    """
    for axis in (1, 2):
        side = x.shape[axis]
        count = min(grid, side)
        bounds = [(i * side // count, -(-(i + 1) * side // count)) for i in range(count)]
        parts = [
            jnp.max(jax.lax.slice_in_dim(x, *bound, axis=axis), axis=axis, keepdims=True)
            for bound in bounds
        ]
        x = jnp.concatenate(parts, axis=axis)
    return x


def _flat(x: Array) -> Array:
    return x.reshape(x.shape[0], -1).astype(jnp.float32)


def _is_activation(equation: JaxprEqn) -> bool:
    """Whether an equation is an activation function and gives feature maps."""
    known = {equation.primitive.name, equation.params.get("name")} & ACTIVATIONS
    shapes = [getattr(x.aval, "shape", ()) for x in equation.outvars]
    return bool(known) and all(len(shape) == 4 for shape in shapes)
