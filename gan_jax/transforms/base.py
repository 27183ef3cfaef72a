"""Combining parameter transforms, and choosing the parameters they act on."""

from __future__ import annotations

from typing import Any, NamedTuple

import jax

from gan_jax import trees
from gan_jax.types import Array, Key, Params, ParamTransform, PyTree


class DirectionGain(NamedTuple):
    """A kernel held in two trained factors; it stands in the tree where the kernel stood.

    Attributes:
        direction: the kernel's shape; only its direction per output channel matters.
        gain: (out,), the norm of each output channel.
    """

    direction: Array
    gain: Array


def is_factored(node: Any) -> bool:
    """Whether a node of a parameter tree stands for one kernel held in factors."""
    return isinstance(node, DirectionGain)


def matrices(path: str, leaf: Array) -> bool:
    """Selects every parameter of rank 2 or more: kernels and lookup tables."""
    del path
    return leaf.ndim >= 2


def kernels(path: str, leaf: Array) -> bool:
    """Selects parameters of rank 2 or more that are called "kernel"."""
    return leaf.ndim >= 2 and last_name(path) == "kernel"


def last_name(path: str) -> str:
    """The last key of a path: "kernel" of "block_0/conv/kernel"."""
    return path.rsplit("/", 1)[-1]


def select(
    transform: str, where: trees.Where, params: Params, *, required: bool = True
) -> dict[str, Array]:
    """The selected leaves by path.

    Raises:
        ValueError: there is none, and one is required.
    """
    chosen = {path: x for path, x in trees.leaves_with_path(params) if where(path, x)}
    if required and not chosen:
        raise ValueError(f"{transform} found no parameter to act on; widen `where`")
    return chosen


def _no_state(params: Params, key: Key) -> PyTree:
    del params, key
    return ()


def _same_state(params: Params, state: PyTree) -> PyTree:
    del params
    return state


def _same_params(params: Params, state: PyTree) -> Params:
    del state
    return params


_IDENTITY = ParamTransform(_no_state, _same_state, _same_params)


def identity() -> ParamTransform:
    """The transform that changes nothing; its state is `()`. All are equal."""
    return _IDENTITY


def chain(*transforms: ParamTransform) -> ParamTransform:
    """One transform after the other: `chain(a, b)` gives the network `b(a(params))`.

    Each sees what those before it made of the parameters, its `update` included. Keys are
    folded with the transform's position; the state is the tuple of states.
    """

    def parametrize(params: Params) -> Params:
        # The last transform's result is what the network knows, so it is undone first.
        for transform in reversed(transforms):
            params = transform.parametrize(params)
        return params

    def init(params: Params, key: Key) -> PyTree:
        states = []
        for position, transform in enumerate(transforms):
            state = transform.init(params, jax.random.fold_in(key, position))
            params = transform.apply(params, state)
            states.append(state)
        return tuple(states)

    def update(params: Params, state: PyTree) -> PyTree:
        states = []
        for transform, old in zip(transforms, state, strict=True):
            new = transform.update(params, old)
            params = transform.apply(params, new)
            states.append(new)
        return tuple(states)

    def apply(params: Params, state: PyTree) -> Params:
        for transform, part in zip(transforms, state, strict=True):
            params = transform.apply(params, part)
        return params

    return ParamTransform(init, update, apply, parametrize)


def masked(transform: ParamTransform, where: trees.Where) -> ParamTransform:
    """Restricts a transform to some parameters; the others pass untouched.

    The transform sees a tree from which the others are missing, so its state covers the
    selected parameters only. Paths, and with them the draws at `init`, are unchanged.

    Args:
        transform: any transform.
        where: `(path, leaf) -> bool`, asked about the network's own parameters; for a
            kernel held in factors, about the kernel's path and its direction.
    """

    def parametrize(params: Params) -> Params:
        return _put_back(transform.parametrize(_keep(params, where)), params)

    def init(params: Params, key: Key) -> PyTree:
        return transform.init(_keep(params, where), key)

    def update(params: Params, state: PyTree) -> PyTree:
        return transform.update(_keep(params, where), state)

    def apply(params: Params, state: PyTree) -> Params:
        return _put_back(transform.apply(_keep(params, where), state), params)

    return ParamTransform(init, update, apply, parametrize)


def _keep(params: Params, where: trees.Where) -> Params:
    """The tree with None, which has no leaves, in place of what is not selected."""

    def choose(path: tuple[Any, ...], node: Any) -> Any:
        leaf = node.direction if is_factored(node) else node
        return node if where(trees.path_str(path), leaf) else None

    return jax.tree_util.tree_map_with_path(choose, params, is_leaf=is_factored)


def _put_back(changed: Params, params: Params) -> Params:
    """Fills the holes of `changed` from `params`."""
    return jax.tree.map(
        lambda new, old: old if new is None else new,
        changed,
        params,
        is_leaf=lambda node: node is None or is_factored(node),
    )
