"""Where the variables of single layers come from, for networks published as PyTorch's
`Sequential`s, whose keys are numbers.
"""

from __future__ import annotations

from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen

from gan_jax.interop.state_dict import (
    Imported,
    Layout,
    Rule,
    StateDict,
    as_is,
    conv,
    read,
    structure,
)

COUNTERS = r".*\.num_batches_tracked"


def conv_transpose(x: np.ndarray) -> np.ndarray:
    """(I, O, H, W) to (H, W, I, O), turned round: PyTorch spreads by the kernel what ours
    gathers with it.
    """
    return x.transpose(2, 3, 0, 1)[::-1, ::-1]


def affine(path: str, key: str, layout: Layout = conv) -> list[Rule]:
    """Kernel and bias of the layer at `path`, published under `key`."""
    return [
        Rule(f"params/{path}/kernel", f"{key}.weight", layout),
        Rule(f"params/{path}/bias", f"{key}.bias", as_is),
    ]


def tracked_norm(path: str, key: str) -> list[Rule]:
    """Gain, bias and running statistics of a normalisation."""
    return [
        Rule(f"params/{path}/scale", f"{key}.weight", as_is),
        Rule(f"params/{path}/bias", f"{key}.bias", as_is),
        Rule(f"batch_stats/{path}/mean", f"{key}.running_mean", as_is),
        Rule(f"batch_stats/{path}/var", f"{key}.running_var", as_is),
    ]


def import_layers(
    what: str,
    module: linen.Module,
    inputs: Sequence[tuple[int, ...]],
    rules: Sequence[Rule],
    state_dict: StateDict,
    ignored: Sequence[str] = (COUNTERS,),
) -> Imported:
    """A network without transforms of its parameters.

    Args:
        what: what the network is called in errors.
        module: the network.
        inputs: shapes of the float32 arrays that it is called with.
        rules: where its variables come from.
        state_dict: published arrays by key.
        ignored: regular expressions of keys that are rightly not used.

    Raises:
        UserError: there is no such network, or these are not its weights; lists every key
            that does not fit.
    """
    shapes = [jax.ShapeDtypeStruct(shape, jnp.float32) for shape in inputs]
    found = read(what, structure(module, *shapes), rules, state_dict, ignored)
    variables = jax.tree.map(jnp.asarray, found)
    return Imported(module, variables, variables["params"], {})
