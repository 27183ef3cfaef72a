"""Standing statistics: batch norm as it is when sampling (1809.11096, appendix C)."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from gan_jax.game import View
from gan_jax.types import Array, PyTree, Stats

_RUNNING = "batch_stats"


def standing_statistics(net: View, *inputs: PyTree) -> Stats:
    """A net's statistics with its running moments replaced by means over given batches.

    Running moments mix the latents, the batch size and the parameters of training. These
    are of the net as it is, at the settings of sampling: after one pass, sampling that very
    batch gives what training mode gives.

    Args:
        net: such as `make_views(...).averaged("generator")`.
        *inputs: leaves (passes, batch, ...), as the net takes them one pass at a time:
            latents, drawn and truncated as the samples will be, and labels if any.

    Returns:
        The net's statistics, with means over passes in the place of what batch norms keep
        in "batch_stats"; anything else is as it was.

    Raises:
        ValueError: the net keeps no running moments.
    """
    if _RUNNING not in net.stats:
        raise ValueError("standing statistics need a net with batch norm; this has none")
    running = net.stats[_RUNNING]

    def moved(start: float, batch: Any) -> PyTree:
        """What an update makes of running moments that are all `start`."""
        stats = net.stats | {
            _RUNNING: jax.tree.map(lambda m: jnp.full_like(m, start), running)
        }
        return net.with_stats(*batch, stats=stats)[1][_RUNNING]

    def one_pass(total: PyTree, batch: Any) -> tuple[PyTree, None]:
        # An update is old * w + new * (1 - w) for a momentum w that only the net knows.
        return jax.tree.map(jnp.add, total, moved(0.0, batch)), None

    first = jax.tree.map(lambda x: x[0], inputs)
    weight = jax.tree.map(jnp.subtract, moved(1.0, first), moved(0.0, first))
    zeros = jax.tree.map(jnp.zeros_like, running)
    total, _ = jax.lax.scan(one_pass, zeros, inputs)
    passes = jax.tree.leaves(inputs)[0].shape[0]

    def mean(summed: Array, kept: Array) -> Array:
        return summed / (float(passes) * (1.0 - kept))

    return net.stats | {_RUNNING: jax.tree.map(mean, total, weight)}
