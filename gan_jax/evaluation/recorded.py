"""Evaluates a state, and keeps the numbers in the run's work directory."""

from __future__ import annotations

from pathlib import Path

import jax

from gan_jax.evaluation import records
from gan_jax.evaluation.evaluator import Evaluator, evaluate
from gan_jax.evaluation.gather import Progress
from gan_jax.state import GameState


def evaluate_and_record(
    evaluator: Evaluator,
    state: GameState,
    workdir: Path,
    *,
    step: int,
    wall: float,
    digest: str,
    kept: Path | None = None,
    progress: Progress | None = None,
) -> list[records.Entry]:
    """The numbers of a state, added to evaluations.jsonl; a collective.

    Args:
        evaluator: of the run.
        state: of the run.
        workdir: of the run.
        step: of the state.
        wall: seconds that training took until then.
        digest: SHA-256 of the state.
        kept: as in `evaluate`.
        progress: as in `evaluate`.

    Returns:
        What was added; nothing on all processes but the first.

    Raises:
        NotFiniteError: a sample is not finite.
    """
    found = evaluate(evaluator, state, kept=kept, progress=progress)
    seen = step * evaluator.batch_size
    entries = [
        records.make_entry(each, step=step, images_seen=seen, wall=wall, digest=digest)
        for each in found
    ]
    if jax.process_index() == 0:
        records.append(workdir, entries)
    return entries
