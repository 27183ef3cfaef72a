"""Floating-point operations of a program: its convolutions and products of matrices.

Counted from the jaxpr, where nothing is fused, sharded or duplicated yet, with loops as
often as they run. One multiplication and one addition are two operations. Taps of a
convolution that fall on padding or on the holes of a dilation are work that no device need
do, and are not counted, as in XLA's own count.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

from jax.extend.core import jaxprs_in_params
from jax.interpreters import partial_eval

Flops = Mapping[str, float]
"""`{dtype of the factors: operations}`."""


def count_flops(jaxpr: Any, shares: Mapping[str, float] | None = None) -> Flops:
    """Operations of a closed jaxpr whose results are all used.

    Of the branches of a `cond` the heaviest counts. A `while_loop` whose length is not
    static counts once.

    Args:
        jaxpr: of the program.
        shares: `{scope: share}`, how often the branch of a `cond` in a named scope is
            taken, as of the phases of a game that run on some steps only; 1 elsewhere.
    """
    pruned, _ = partial_eval.dce_jaxpr(jaxpr.jaxpr, [True] * len(jaxpr.jaxpr.outvars))
    return dict(_count(pruned, shares or {}))


def _count(jaxpr: Any, shares: Mapping[str, float]) -> dict[str, float]:
    total: dict[str, float] = defaultdict(float)
    for eqn in jaxpr.eqns:
        name = eqn.primitive.name
        if name == "dot_general":
            total[str(eqn.invars[0].aval.dtype)] += _dot(eqn)
        elif name == "conv_general_dilated":
            total[str(eqn.invars[0].aval.dtype)] += _convolution(eqn)
        elif name in ("convolve", "spread", "correlate"):
            total[str(eqn.invars[0].aval.dtype)] += _own_convolution(eqn)
        elif name == "cond":
            scopes = str(eqn.source_info.name_stack).split("/")
            share, inside = taken(scopes, shares)
            branches = [_count(branch.jaxpr, inside) for branch in eqn.params["branches"]]
            for dtype, value in max(branches, key=total_flops).items():
                total[dtype] += value * share
        else:
            for inner in jaxprs_in_params(eqn.params):
                for dtype, value in _count(inner, shares).items():
                    total[dtype] += value * _times(eqn)
    return total


def taken(
    scopes: Iterable[str], shares: Mapping[str, float]
) -> tuple[float, Mapping[str, float]]:
    """How often the branch of a `cond` in some scopes is taken, and the shares of what
    stands within it, where these scopes have been counted.
    """
    found = shares.keys() & set(scopes)
    share = min((shares[scope] for scope in found), default=1.0)
    return share, {scope: each for scope, each in shares.items() if scope not in found}


def _times(eqn: Any) -> int:
    """How often an equation runs its jaxpr, over all devices."""
    if eqn.primitive.name == "scan":
        return int(eqn.params["length"])
    if eqn.primitive.name == "shard_map":
        return int(eqn.params["mesh"].size)
    return 1


def _dot(eqn: Any) -> float:
    (contracted, _), _ = eqn.params["dimension_numbers"]
    lhs = eqn.invars[0].aval.shape
    return 2.0 * eqn.outvars[0].aval.size * math.prod(lhs[axis] for axis in contracted)


def _convolution(eqn: Any) -> float:
    numbers, params = eqn.params["dimension_numbers"], eqn.params
    lhs, rhs, out = (x.aval.shape for x in (*eqn.invars, *eqn.outvars))
    taps = [
        valid_taps(lhs[i], rhs[k], out[o], stride, low, holes, spread)
        for i, k, o, stride, (low, _), holes, spread in zip(
            numbers.lhs_spec[2:],
            numbers.rhs_spec[2:],
            numbers.out_spec[2:],
            params["window_strides"],
            params["padding"],
            params["lhs_dilation"],
            params["rhs_dilation"],
            strict=True,
        )
    ]
    features = rhs[numbers.rhs_spec[0]] * rhs[numbers.rhs_spec[1]]
    batch = lhs[numbers.lhs_spec[0]] // params["batch_group_count"]
    return 2.0 * batch * features * math.prod(taps)


def _own_convolution(eqn: Any) -> float:
    """Of the primitives of `gan_jax.nn.conv_cpu`: a convolution or one of its gradients,
    which all have as many operations.
    """
    geometry, (first, second) = eqn.params["geometry"], (x.aval.shape for x in eqn.invars)
    axes = zip(*geometry, geometry.outputs, strict=True)
    taps = [
        valid_taps(size, window, out, stride, low, 1, 1)
        for size, window, stride, (low, _), out in axes
    ]
    kernel = second if eqn.primitive.name != "correlate" else (first[3], second[3])
    return 2.0 * first[0] * kernel[-2] * kernel[-1] * math.prod(taps)


def valid_taps(
    size: int, window: int, out: int, stride: int, low: int, holes: int, spread: int
) -> int:
    """Pairs of an output position and a window position that meet an input element, along
    one axis.

    Args:
        size: of the input, without dilation.
        window: of the kernel, without dilation.
        out: of the output.
        stride: of the window.
        low: padding before the first element; negative cuts off.
        holes: dilation of the input, 1 for none.
        spread: dilation of the kernel.
    """
    last = (size - 1) * holes
    count = 0
    for tap in range(window):
        begin = tap * spread - low
        first = max(0, -(begin // stride))
        final = min(out - 1, (last - begin) // stride)
        if holes == 1:
            count += max(final - first + 1, 0)
            continue
        places = range(first, final + 1)
        count += sum((place * stride + begin) % holes == 0 for place in places)
    return count


def total_flops(flops: Flops) -> float:
    """Operations of all dtypes."""
    return float(sum(flops.values()))
