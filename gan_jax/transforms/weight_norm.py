"""Weight normalisation."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from gan_jax import trees
from gan_jax.transforms.base import DirectionGain, identity, is_factored, kernels, select
from gan_jax.types import Array, Key, Params, ParamTransform, PyTree


def weight_norm(*, where: trees.Where = kernels) -> ParamTransform:
    """Holds norm and direction apart, Salimans and Kingma 2016 (arXiv 1602.07868).

    w = g * v / ||v|| per output channel (equation 2). `parametrize` puts
    `DirectionGain(direction, gain)`, with the kernel's shape and (out,), where a kernel
    (..., out) stood, so that g and v are both trained; it starts from the network's own
    initial kernel, v = w and g = ||w||. `apply` gives the network its kernels back.

    A selected kernel that was not parametrised is v alone: its g is the norm it had at
    `init`, kept in the state `{path: (out,)}`, which never changes. After `parametrize` the
    state is empty.

    A kernel that starts as zeros has no direction and must not be selected: it would stay
    zero. The paper's data-dependent initialisation is not part of this.

    Args:
        where: `(path, leaf) -> bool`, the kernels. Default: leaves called "kernel".

    Raises:
        ValueError: at `parametrize` or `init`, nothing is selected.
    """

    def parametrize(params: Params) -> Params:
        chosen = select("weight_norm", where, params)

        def one(path: str, leaf: Array) -> Any:
            return DirectionGain(leaf, _norms(leaf)) if path in chosen else leaf

        return trees.map_with_path(one, params)

    def init(params: Params, key: Key) -> PyTree:
        del key
        nodes = jax.tree.leaves(params, is_leaf=is_factored)
        plain = jax.tree.map(
            lambda node: None if is_factored(node) else node, params, is_leaf=is_factored
        )
        required = not any(is_factored(node) for node in nodes)
        chosen = select("weight_norm", where, plain, required=required)
        return {path: jax.lax.stop_gradient(_norms(leaf)) for path, leaf in chosen.items()}

    def apply(params: Params, state: PyTree) -> Params:
        def one(path: tuple[Any, ...], node: Any) -> Array:
            if is_factored(node):
                return _combine(node)
            gain = state.get(trees.path_str(path))
            return node if gain is None else _combine(DirectionGain(node, gain))

        return jax.tree_util.tree_map_with_path(one, params, is_leaf=is_factored)

    return identity()._replace(init=init, apply=apply, parametrize=parametrize)


def _combine(node: DirectionGain) -> Array:
    norms = _norms(node.direction)
    # A zero direction has no gradient of its norm; it gives a zero kernel, not nan.
    scale = jnp.where(norms > 0.0, node.gain / jnp.where(norms > 0.0, norms, 1.0), 0.0)
    return node.direction * jnp.reshape(scale, (1,) * (node.direction.ndim - 1) + (-1,))


def _norms(kernel: Array) -> Array:
    """Norm of every output channel, (out,), with derivative 0 where it is 0."""
    square = jnp.sum(jnp.square(kernel), axis=tuple(range(kernel.ndim - 1)))
    positive = square > 0.0
    return jnp.where(positive, jnp.sqrt(jnp.where(positive, square, 1.0)), 0.0)
