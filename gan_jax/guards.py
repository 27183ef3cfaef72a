"""Rules that notice training going wrong: non-finite values, a critic that has won, samples
that have become one, kernels that explode.

Rules are data. They look at host floats only, keep what they remember in a `GuardState` of
JSON values that goes into checkpoints, and report; what follows from a report (stopping,
rolling back) is for the training loop to decide.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from fnmatch import fnmatchcase
from types import MappingProxyType
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from gan_jax.types import Array, Scalar

Metrics = Mapping[str, float]
"""Metric name to host float."""

Memory = Mapping[str, Any]
"""What one rule remembers: JSON values only."""

GuardState = Mapping[str, Memory]
"""Rule name to memory; the empty mapping at the start of a run."""


class Rule(NamedTuple):
    """One thing to watch.

    Attributes:
        name: unique among the rules of a run.
        watches: patterns of metric names, as in `fnmatch`; without a metric that matches
            the rule is silent (see `unwatched`).
        check: `(metrics, memory) -> (memory, message or None)`; `metrics` are those that
            match, not empty, `memory` is empty at first. Pure.
    """

    name: str
    watches: tuple[str, ...]
    check: Callable[[Metrics, Memory], tuple[Memory, str | None]]


class Verdict(NamedTuple):
    """What a rule has to say.

    Attributes:
        rule: the rule's name.
        message: one line for people.
    """

    rule: str
    message: str


def evaluate(
    rules: Sequence[Rule], state: GuardState, metrics: Metrics
) -> tuple[dict[str, Memory], list[Verdict]]:
    """Shows one set of metrics to every rule.

    Args:
        rules: with unique names.
        state: what the rules remember, `{}` at first; never changed.
        metrics: any metrics of one moment; rules that watch none of them are not asked.

    Returns:
        The new state, and the verdicts in the order of the rules.

    Raises:
        ValueError: two rules have one name.
    """
    if len({rule.name for rule in rules}) != len(rules):
        raise ValueError(f"rules need unique names, got {[rule.name for rule in rules]}")
    new, verdicts = dict(state), []
    for rule in rules:
        watched = _watched(rule, metrics)
        if not watched:
            continue
        memory, message = rule.check(watched, state.get(rule.name, {}))
        new[rule.name] = memory
        if message is not None:
            verdicts.append(Verdict(rule.name, message))
    return new, verdicts


def unwatched(rules: Sequence[Rule], names: Iterable[str]) -> list[str]:
    """Names of the rules that would never speak, as no metric of `names` concerns them."""
    present = dict.fromkeys(names, 0.0)
    return [rule.name for rule in rules if not _watched(rule, present)]


def non_finite(watches: Sequence[str] = ("*",)) -> Rule:
    """Any metric that is infinite or not a number."""

    def check(metrics: Metrics, memory: Memory) -> tuple[Memory, str | None]:
        bad = [name for name, value in sorted(metrics.items()) if not math.isfinite(value)]
        if not bad:
            return memory, None
        shown = ", ".join(f"{name} = {metrics[name]}" for name in bad[:3])
        more = f" and {len(bad) - 3} more" if len(bad) > 3 else ""
        return memory, f"not finite: {shown}{more}"

    return Rule("non_finite", tuple(watches), check)


def logit_margin(limit: float = 50.0, patience: int = 3) -> Rule:
    """The critic has won: the mean real logit lies far above the mean fake logit.

    Every phase that reports both `PHASE/real_logits` and `PHASE/fake_logits` is watched.

    Args:
        limit: the widest margin |real - fake| that is still healthy, in logits.
        patience: looks in a row beyond the limit before the rule speaks, and goes on
            speaking.

    Returns:
        The rule.
    """
    _positive("logit_margin", limit=limit, patience=patience)

    def check(metrics: Metrics, memory: Memory) -> tuple[Memory, str | None]:
        margins = {
            name.removesuffix("real_logits"): abs(value - metrics[other])
            for name, value in metrics.items()
            if name.endswith("real_logits")
            and (other := name.removesuffix("real_logits") + "fake_logits") in metrics
        }
        over = {name: margin for name, margin in margins.items() if margin > limit}
        return _patiently(
            memory,
            patience,
            margins,
            over,
            lambda name: (
                f"logits of {name.rstrip('/') or 'the critic'} are "
                f"{margins[name]:.4g} apart (limit {limit:g})"
            ),
        )

    return Rule("logit_margin", ("*real_logits", "*fake_logits"), check)


def sample_diversity(
    minimum: float = 0.05, patience: int = 3, watches: Sequence[str] = ("sample_diversity",)
) -> Rule:
    """Samples have become (nearly) the same picture.

    Args:
        minimum: the least healthy value of the watched metrics, usually `diversity` of
            samples, or its share of the real images' diversity.
        patience: looks in a row below it before the rule speaks.
        watches: patterns of the metrics' names.

    Returns:
        The rule.
    """
    _positive("sample_diversity", minimum=minimum, patience=patience)

    def check(metrics: Metrics, memory: Memory) -> tuple[Memory, str | None]:
        low = {name: value for name, value in metrics.items() if value < minimum}
        return _patiently(
            memory,
            patience,
            metrics,
            low,
            lambda name: f"{name} is {metrics[name]:.4g} (minimum {minimum:g})",
        )

    return Rule("sample_diversity", tuple(watches), check)


def spectrum_growth(
    factor: float = 10.0,
    window: int = 10,
    floor: float = 0.1,
    watches: Sequence[str] = ("spectrum/*",),
) -> Rule:
    """A top singular value grew by `factor` within `window` looks, the sign of collapse in
    Brock et al. (2019), section 4.

    Args:
        factor: growth over the smallest of the last `window` values that is still healthy.
        window: how many earlier values are remembered; the rule is silent until the window
            is full, so that the first steps after initialisation do not count.
        floor: smaller values count as this much, so that kernels that start at zero may
            grow.
        watches: patterns of the metrics' names, one metric a kernel.

    Returns:
        The rule.
    """
    _positive("spectrum_growth", factor=factor, window=window, floor=floor)

    def check(metrics: Metrics, memory: Memory) -> tuple[Memory, str | None]:
        new, grown = dict(memory), {}
        for name, value in metrics.items():
            past = list(memory.get(name, ()))
            base = max(min(past, default=floor), floor)
            if len(past) == window and value > factor * base:
                grown[name] = value / base
            if math.isfinite(value):
                new[name] = [*past, value][-window:]
        if not grown:
            return new, None
        worst = max(grown, key=lambda name: grown[name])
        return new, (
            f"{worst} grew {grown[worst]:.3g} times within {window} looks "
            f"(limit {factor:g}; {len(grown)} of {len(metrics)} kernels)"
        )

    return Rule("spectrum_growth", tuple(watches), check)


RULES: Mapping[str, Callable[..., Rule]] = MappingProxyType(
    {
        "non_finite": non_finite,
        "logit_margin": logit_margin,
        "sample_diversity": sample_diversity,
        "spectrum_growth": spectrum_growth,
    }
)
"""Factories by name, for configs."""


def diversity(samples: Array) -> Scalar:
    """How unlike samples are: the mean over all pairs of their root mean square difference.

    Args:
        samples: float (n, ...), n >= 2; memory grows with n, time with its square, and some
            64 are enough.

    Returns:
        float32 (), in units of the samples: 0 for equal ones, about 0.5 to 1 for natural
        images in [-1, 1].

    Raises:
        ValueError: fewer than two samples.
    """
    n = samples.shape[0]
    if n < 2:
        raise ValueError(f"diversity needs at least two samples, got {n}")
    rows = samples.astype(jnp.float32).reshape(n, -1)

    def from_one(row: Array) -> Scalar:
        # Differences, not a Gram matrix: equal samples must give exactly 0.
        return jnp.sum(jnp.sqrt(jnp.mean(jnp.square(rows - row[None]), axis=1)))

    return jnp.sum(jax.lax.map(from_one, rows)) / float(n * (n - 1))


def _watched(rule: Rule, metrics: Metrics) -> dict[str, float]:
    return {
        name: value
        for name, value in metrics.items()
        if any(fnmatchcase(name, pattern) for pattern in rule.watches)
    }


def _patiently(
    memory: Memory,
    patience: int,
    seen: Iterable[str],
    bad: Iterable[str],
    describe: Callable[[str], str],
) -> tuple[Memory, str | None]:
    """Counts looks in a row at which a name was bad; speaks from the `patience`-th on.
    Names that are not seen this time keep their count.
    """
    kept = {name: count for name, count in memory.items() if name not in set(seen)}
    counts = {name: memory.get(name, 0) + 1 for name in bad}
    ripe = [name for name in sorted(counts) if counts[name] >= patience]
    lines = [f"{describe(name)}, {counts[name]} looks in a row" for name in ripe]
    return kept | counts, "; ".join(lines) or None


def _positive(rule: str, **values: float) -> None:
    for name, value in values.items():
        if not value > 0:
            raise ValueError(f"{rule}: {name} must be positive, got {value}")
