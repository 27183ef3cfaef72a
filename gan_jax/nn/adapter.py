"""From flax modules to `types.Net`: the engine sees pure functions over explicit trees."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
from flax import linen

from gan_jax.types import Key, Net, Params, PyTree, Stats

Example = jax.ShapeDtypeStruct | tuple[int, ...] | tuple[jax.ShapeDtypeStruct, ...]
_BATCH = 2


def from_linen(
    module: linen.Module, *example_inputs: Example, stochastic: bool = False
) -> Net:
    """The two pure functions of a flax module.

    `init` evaluates the initialisers alone: the forward pass is traced for its shapes and
    never compiled or run, so it is cheap eagerly, under `jit` and under `eval_shape`.

    Args:
        module: called `module(*inputs, train=bool)`; parameters in the collection "params",
            any other collections are statistics.
        *example_inputs: one per input of the module; a tuple is the shape of one float32
            example without the batch axis; a `jax.ShapeDtypeStruct`, or a tuple of them, is
            taken as it is (for instance int32 labels, batch axis included).
        stochastic: whether the module is also called with `keys`, one per example, of its
            noise; see `nn.noise`.

    Returns:
        A `Net`. In training `apply` returns the updated statistics, otherwise the given
        ones; both trees are the same for ever. Further keywords are flax's own, such as
        `method`, and those of the module.
    """
    examples = tuple(_abstract(example) for example in example_inputs)

    def init(key: Key) -> tuple[Params, Stats]:
        variables = dict(module.lazy_init(key, *examples, train=False))
        return variables.pop("params", {}), variables

    def apply(
        params: Params, stats: Stats, *inputs: Any, train: bool, **others: Any
    ) -> tuple[Any, Stats]:
        variables = {"params": params, **stats}
        if not train or not stats:
            return module.apply(variables, *inputs, train=train, **others), stats
        return module.apply(variables, *inputs, train=train, mutable=list(stats), **others)

    return Net(init, apply, stochastic)


def _abstract(example: Example) -> PyTree:
    """A whole abstract batch of an example."""
    sizes = [size for size in jax.tree.leaves(example) if isinstance(size, int)]
    if isinstance(example, tuple) and len(sizes) == len(example):
        return jax.ShapeDtypeStruct((_BATCH, *sizes), jnp.float32)
    return example
