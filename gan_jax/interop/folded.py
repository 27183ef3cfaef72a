"""Published networks whose batch norms are folded into the convolutions before them.

In evaluation a batch norm is an affine map of every channel,
    scale (x - mean) / sqrt(var + epsilon) + bias,
and after a convolution without bias it is the same as another kernel and a bias.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import jax
import numpy as np
from flax import linen, traverse_util

from gan_jax.interop.state_dict import Imported, Rule, StateDict, as_is, conv, read

_NORM = {
    "scale": "weight",
    "shift": "bias",
    "mean": "running_mean",
    "var": "running_var",
}
_COUNTERS = r"(.+\.)?num_batches_tracked"
Names = Callable[[str], tuple[str, str] | None]
"""From the path of a layer of ours to the published prefixes of its convolution and its
batch norm; None of layers without a norm.
"""


def import_folded(
    what: str,
    module: linen.Module,
    expected: dict[str, Any],
    names: Names,
    rules: Sequence[Rule],
    state_dict: StateDict,
    *,
    epsilon: float,
    ignored: Iterable[str] = (),
) -> Imported:
    """A network of layers with a kernel and a bias, from one with batch norms.

    Args:
        what: what the network is called in errors.
        module: the network.
        expected: its variables' structure and shapes.
        names: of the layers whose batch norm is folded.
        rules: where the variables of the others come from.
        state_dict: published arrays by key.
        epsilon: of the batch norms.
        ignored: regular expressions of keys that are rightly not used.

    Returns:
        See `Imported`; `params` are folded too.

    Raises:
        UserError: keys are missing, left over or of another shape; lists them.
    """
    shapes = traverse_util.flatten_dict(expected["params"], sep="/")
    layers = [path.removesuffix("/kernel") for path in shapes if path.endswith("/kernel")]
    normed = {layer: found for layer in layers if (found := names(layer)) is not None}
    wanted = {
        path: shape
        for path, shape in shapes.items()
        if path.removesuffix("/bias") not in normed
    }
    own = []
    for layer, (convolution, norm) in normed.items():
        own.append(Rule(f"params/{layer}/kernel", f"{convolution}.weight", conv))
        for part, key in _NORM.items():
            wanted[f"{layer}/{part}"] = shapes[f"{layer}/bias"]
            own.append(Rule(f"params/{layer}/{part}", f"{norm}.{key}", as_is))
    tree = {"params": traverse_util.unflatten_dict(wanted, sep="/")}
    arrays = read(what, tree, [*own, *rules], state_dict, (_COUNTERS, *ignored))
    flat = traverse_util.flatten_dict(arrays["params"], sep="/")
    for layer in normed:
        parts = (flat.pop(f"{layer}/{part}") for part in _NORM)
        kernel, bias = _folded(flat[f"{layer}/kernel"], *parts, epsilon=epsilon)
        flat |= {f"{layer}/kernel": kernel, f"{layer}/bias": bias}
    params = jax.tree.map(jax.numpy.asarray, traverse_util.unflatten_dict(flat, sep="/"))
    return Imported(module, {"params": params}, params, {})


def _folded(
    kernel: np.ndarray,
    scale: np.ndarray,
    shift: np.ndarray,
    mean: np.ndarray,
    var: np.ndarray,
    *,
    epsilon: float,
) -> tuple[np.ndarray, np.ndarray]:
    """Kernel and bias that do the work of both, rounded once."""
    gain = scale.astype(np.float64) / np.sqrt(var.astype(np.float64) + epsilon)
    bias = shift.astype(np.float64) - mean.astype(np.float64) * gain
    return (kernel * gain).astype(np.float32), bias.astype(np.float32)
