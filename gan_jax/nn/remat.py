"""Rematerialisation by block: activations within are computed again, not stored."""

from __future__ import annotations

from flax import linen

from gan_jax.types import Array


def called(
    block: linen.Module, *inputs: Array | None, remat: bool, train: bool | None = None
) -> Array:
    """`block(*inputs, train=train)`, or `block(*inputs)` where `train` is None.

    Parameters keep their names, and gradients their values. To be called inside a compact
    module that owns the block.

    Args:
        block: the module to call.
        inputs: what it is given; only these are kept for the backward pass with `remat`.
        remat: whether the backward pass computes the inside of the block again.
        train: the mode, where the block has one.
    """

    def run(module: linen.Module, *inputs: Array | None) -> Array:
        return module(*inputs) if train is None else module(*inputs, train=train)

    return (linen.remat(run) if remat else run)(block, *inputs)
