"""Functions over parameter pytrees, by path."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from gan_jax.types import Array, PyTree, Scalar

Where = Callable[[str, Array], bool]
"""`(path, leaf) -> bool`; the path is the keys joined by "/"."""


def path_str(path: tuple[Any, ...]) -> str:
    """A key path as "block_0/conv/kernel"."""
    return jax.tree_util.keystr(path, simple=True, separator="/")


def map_with_path(fn: Callable[..., Any], tree: PyTree, *rest: PyTree) -> PyTree:
    """`fn(path, leaf, *others)` over the leaves of `tree`, with the path as a string."""
    return jax.tree_util.tree_map_with_path(
        lambda path, leaf, *others: fn(path_str(path), leaf, *others), tree, *rest
    )


def leaves_with_path(tree: PyTree) -> list[tuple[str, Any]]:
    """Pairs of path and leaf."""
    return [(path_str(p), x) for p, x in jax.tree_util.tree_leaves_with_path(tree)]


def count(tree: PyTree) -> int:
    """Number of scalars in a tree of arrays or abstract arrays."""
    return sum(leaf.size for leaf in jax.tree.leaves(tree))


def global_norm(tree: PyTree) -> Scalar:
    """L2 norm over all leaves, float32 ()."""
    squares = [jnp.sum(jnp.square(x.astype(jnp.float32))) for x in jax.tree.leaves(tree)]
    return jnp.sqrt(sum(squares, jnp.zeros((), jnp.float32)))


def batch_size(tree: PyTree) -> int:
    """Length of the leading axis, the same for every leaf.

    Raises:
        ValueError: leaves disagree, or there is none.
    """
    sizes = {leaf.shape[0] for leaf in jax.tree.leaves(tree)}
    if len(sizes) != 1:
        raise ValueError(f"leaves have different batch sizes: {sorted(sizes)}")
    return sizes.pop()
