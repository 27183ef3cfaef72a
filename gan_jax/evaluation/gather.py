"""What measures need of samples and of real examples, kept where it was computed once."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import jax
import numpy as np
from jax.experimental import multihost_utils

from gan_jax import distributed
from gan_jax.evaluation.examples import BLOCK, Arrays, RealSet, sample_block
from gan_jax.evaluation.plan import Plan
from gan_jax.metrics import cache
from gan_jax.metrics.features import FeatureNet
from gan_jax.metrics.frechet import statistics
from gan_jax.metrics.measures.evidence import (
    FEATURES,
    IMAGES,
    LABELS,
    LOGITS,
    LOOKED_AT,
    STATISTICS,
    Collector,
    Evidence,
)
from gan_jax.sampler import Sampler
from gan_jax.state import GameState

_REAL = "features of real examples"
Progress = Callable[[int, int], None]
"""`(samples measured, samples in all)`."""


def samples(
    plan: Plan,
    sampler: Sampler,
    state: GameState,
    kept: Path | None,
    progress: Progress | None,
) -> Evidence:
    """What is needed of all samples, block after block; a collective.

    Args:
        plan: what is measured.
        sampler: of the samples.
        state: they are drawn from.
        kept: folder of the blocks that are done, or None.
        progress: told after every block, or None.

    Raises:
        NotFiniteError: a sample is not finite.
    """
    total, needs = plan.spec.samples, plan.needs("fake")
    found = Collector(needs, "features of samples")
    size = -(-BLOCK // sampler.batch) * sampler.batch
    for start in range(0, total, size):
        count = min(size, total - start)

        def make(start: int = start, count: int = count) -> Arrays:
            block = sample_block(sampler, state, start, count)
            if not needs & LOOKED_AT:
                return block
            outputs = _outputs(plan.net, block[IMAGES])
            # Pixels are many: they are kept only for those who need them.
            return outputs | {k: v for k, v in block.items() if k in needs | {LABELS}}

        file = None if kept is None else kept / f"samples-{start:09d}-{count}.npz"
        found.add(_kept(file, make))
        if progress is not None:
            progress(start + count, total)
    return found.evidence()


def known(
    net: FeatureNet, examples: RealSet, needs: frozenset[str], folder: Path
) -> Evidence:
    """What is needed of real examples; a collective.

    Args:
        net: what it made of them is kept in a folder, under its fingerprint and theirs.
        examples: the real ones.
        needs: as `Measure` names them.
        folder: the cache.
    """
    key = hashlib.sha256(f"{net.fingerprint} {examples.fingerprint}".encode()).hexdigest()
    stem = f"{net.name}-reference-{key[:16]}"
    arrays: Arrays = {}
    by_row = bool(needs & {FEATURES, LOGITS})
    if by_row:
        path = folder / f"{stem}-rows.npz"
        arrays |= _kept(path, lambda: _looked_at(net, examples, {FEATURES, LOGITS}))
    if STATISTICS in needs:

        def moments() -> Arrays:
            if not by_row:
                return _looked_at(net, examples, {STATISTICS})
            # Only the first process may have the rows, and it alone needs what follows.
            rows = arrays.get(FEATURES)
            return {} if rows is None else statistics(rows, _REAL)._asdict()

        arrays |= _kept(folder / f"{stem}-statistics.npz", moments)
    if needs & {IMAGES, LABELS}:
        raw = Collector({IMAGES, LABELS}, "examples")
        for block in examples.blocks():
            raw.add(block)
        arrays |= raw.evidence().known
    return Evidence(examples.size, arrays)


def _looked_at(net: FeatureNet, examples: RealSet, needs: set[str]) -> Arrays:
    """What a net makes of real examples."""
    found = Collector(needs, _REAL)
    for block in examples.blocks():
        found.add(_outputs(net, block[IMAGES]))
    return dict(found.evidence().known)


def _outputs(net: FeatureNet, images: np.ndarray) -> Arrays:
    """Outputs of a net for images that every process has; each computes its share."""
    processes = jax.process_count()
    if processes == 1:
        return _named(*net.outputs(images))
    share = -(-len(images) // processes)
    rows = np.arange(share) + jax.process_index() * share
    own = _named(*net.outputs(images[np.minimum(rows, len(images) - 1)]))
    return {
        name: np.asarray(multihost_utils.process_allgather(part, tiled=True))[: len(images)]
        for name, part in own.items()
    }


def _named(features: np.ndarray, logits: np.ndarray | None) -> Arrays:
    return {FEATURES: features} | ({} if logits is None else {LOGITS: logits})


def _kept(path: Path | None, make: Callable[[], Arrays]) -> Arrays:
    """Arrays from a file, or made now, in all processes together, and kept there.

    The first process alone reads and writes; what it read, the others go without.
    """
    if path is None:
        return make()
    if jax.process_count() == 1:
        return cache.load_or_make(path, make)
    first = jax.process_index() == 0
    stored = cache.load(path) if first else None
    if distributed.from_first_process(stored is not None):
        return stored or {}
    arrays = make()
    return cache.load_or_make(path, lambda: arrays) if first else arrays
