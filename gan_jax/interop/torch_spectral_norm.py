"""Networks with a spectral norm of PyTorch's (`torch.nn.utils.spectral_norm`), or of those
that iterate in evaluation too.

The first keeps "weight_orig", "weight_u" and "weight_v". Evaluation divides by
sigma = u^T W v with the vectors as they are stored, training mode updates them first. So
does `transforms.spectral_norm`, of which they are the state.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen

from gan_jax import trees
from gan_jax.errors import UserError
from gan_jax.interop.state_dict import (
    Imported,
    Layout,
    Rule,
    StateDict,
    as_is,
    channels_last,
    key_of,
    read,
    then,
)
from gan_jax.transforms import singular_values, spectral_norm
from gan_jax.transforms.base import last_name
from gan_jax.types import Params, PyTree

_NORMED = ".weight_orig"
_NOTHING: dict[str, str] = {}


def import_network(
    what: str,
    module: linen.Module,
    expected: dict[str, Any],
    rules: Sequence[Rule],
    state_dict: StateDict,
    *,
    projected: Layout = as_is,
    iterated: Mapping[str, str] = _NOTHING,
    ignored: Iterable[str] = (),
    epsilon: float = 0.0,
) -> Imported:
    """A network whose kernels have a spectral norm where their key is a "weight_orig".

    Args:
        what: what the network is called in errors.
        module: the network.
        expected: its variables' structure and shapes.
        rules: where its variables come from.
        state_dict: published arrays by key.
        projected: layout of the rows of "project/kernel", and so of its vector u.
        iterated: `{path: key of u}` of kernels with a spectral norm of another kind, which
            makes an iteration in evaluation too and keeps one vector.
        ignored: regular expressions of keys that are rightly not used.
        epsilon: of the spectral norm of that other kind.

    Raises:
        UserError: keys, those of the vectors among them, do not fit; see `read`. Or a
            kernel is so small that epsilon changes its norm, which ours has nothing for.
    """
    leaves = dict(trees.leaves_with_path(expected["params"]))
    keys = {path: key_of(f"params/{path}", rules) for path in leaves}
    stored = {path: key for path, key in keys.items() if key.endswith(_NORMED)}
    vectors = {path: _shapes(path, leaves[path], "uv") for path in stored}
    vectors |= {path: _shapes(path, leaves[path], "u") for path in iterated}
    more = [
        Rule(
            re.escape(f"vectors/{path}/{name}"),
            key.replace(_NORMED, f".weight_{name}"),
            _layout(path, name, leaves[path], projected),
        )
        for path, key in stored.items()
        for name in "uv"
    ]
    more += [
        Rule(
            re.escape(f"vectors/{path}/u"),
            key,
            then(_flat, _layout(path, "u", leaves[path], projected)),
        )
        for path, key in iterated.items()
    ]
    found = read(
        what, {**expected, "vectors": vectors}, [*rules, *more], state_dict, ignored
    )
    found = jax.tree.map(jnp.asarray, found)
    state, params = found.pop("vectors"), found["params"]
    if not state:
        return Imported(module, found, params, {})
    once = _iterated(params, {path: state[path]["u"] for path in iterated})
    state |= {path: {"u": state[path]["u"], "v": once[path]["v"]} for path in once}
    _check_epsilon(params, {path: state[path] for path in once}, epsilon)
    transform = spectral_norm(where=lambda path, leaf: path in state)
    seen = transform.apply(params, state | once)
    return Imported(module, {**found, "params": seen}, params, state)


def _shapes(path: str, leaf: Any, names: str) -> dict[str, jax.ShapeDtypeStruct]:
    """Vectors of a kernel (..., in, out), or of a table whose first axis is the output."""
    rows = leaf.shape[0] if last_name(path) == "embedding" else leaf.shape[-1]
    sizes = {"u": rows, "v": leaf.size // rows}
    return {name: jax.ShapeDtypeStruct((sizes[name],), jnp.float32) for name in names}


def _layout(path: str, name: str, leaf: Any, projected: Layout) -> Layout:
    """From vectors of the original's layout to those of ours."""
    if name == "u":
        return projected if path == "project/kernel" else as_is
    return as_is if last_name(path) == "embedding" else channels_last(leaf.shape[-2])


def _flat(x: np.ndarray) -> np.ndarray:
    return x.reshape(-1)


def _iterated(params: Params, vectors: dict[str, Any]) -> PyTree:
    """State after one iteration from vectors u alone."""
    if not vectors:
        return {}
    leaves = dict(trees.leaves_with_path(params))
    start = {
        path: {"u": u, "v": jnp.zeros(leaves[path].size // u.size, jnp.float32)}
        for path, u in vectors.items()
    }
    return spectral_norm(where=lambda path, leaf: path in start).update(params, start)


def _check_epsilon(params: Params, state: PyTree, epsilon: float) -> None:
    """The original divides by epsilon where a vector's length is less."""
    lengths = singular_values(params, state)
    small = [path for path, length in lengths.items() if 0.0 < abs(length[0]) < epsilon]
    if small:
        raise UserError(
            f"a spectral norm with an epsilon of {epsilon} is not supported where a kernel "
            f"has a singular value below it: {small[0]}"
        )
