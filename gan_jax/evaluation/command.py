"""`gan-jax evaluate`: the numbers of a run's checkpoints, kept in its work directory."""

from __future__ import annotations

import hashlib
import json
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import jax
from tqdm import tqdm

from gan_jax import parallel
from gan_jax.checkpoint import best_step, saved_steps
from gan_jax.errors import UserError
from gan_jax.evaluation import records
from gan_jax.evaluation.evaluator import Evaluator, make_evaluator
from gan_jax.evaluation.examples import NotFiniteError
from gan_jax.evaluation.gather import Progress
from gan_jax.evaluation.recorded import evaluate_and_record
from gan_jax.evaluation.spec import Spec, check, spec_of
from gan_jax.trained import Trained, load_config, open_run


def evaluate_run(
    workdir: str | Path,
    *,
    step: str | None = None,
    truncations: Sequence[float] = (),
    changes: Mapping[str, Any] | None = None,
) -> list[records.Entry]:
    """Measures checkpoints by the spec that they carry, and adds the numbers to
    evaluations.jsonl. An evaluation that was stopped goes on.

    Args:
        workdir: of the run.
        step: of a checkpoint, "best" or "all"; None: the newest.
        truncations: one evaluation each; none: as the spec says.
        changes: fields of the spec, in place of the checkpoint's.

    Returns:
        The numbers.

    Raises:
        UserError: one line that says what is wrong and how to mend it.
    """
    path = Path(workdir).expanduser()
    entries: list[records.Entry] = []
    for number in _steps(path, step):
        run = open_run(path, step=number)
        asked = [{"truncation": t} for t in truncations] or [{}]
        for one in asked:
            spec = replace(_spec(run), **{**(changes or {}), **one})
            check(spec)
            entries += _evaluate(run, spec)
    return entries


def _steps(path: Path, step: str | None) -> list[int | None]:
    """The checkpoints that are meant; None is the newest whole one."""
    if step is None:
        return [None]
    folder = path / "checkpoints"
    if step == "all":
        if not (steps := saved_steps(folder)):
            raise UserError(f"{path} has no checkpoint yet")
        return list(steps)
    if step == "best":
        # What was kept as the best is so by the order that the run itself kept it by.
        found = best_step(folder, lower_is_better=_lower_is_better(path))
        if found is None:
            raise UserError(f"{path}: no checkpoint has a score; set score.every")
        return [found]
    if not step.isdecimal():
        raise UserError(f"--step is a number, best or all; got {step!r}")
    return [int(step)]


def _lower_is_better(path: Path) -> bool:
    config = load_config(path)
    return make_evaluator(spec_of(config), config).best.better == "lower"


def _spec(run: Trained) -> Spec:
    """What the checkpoint carries, or the config asks for."""
    carried = run.meta.get("evaluation")
    return spec_of(run.config) if carried is None else Spec.from_dict(carried)


def _evaluate(run: Trained, spec: Spec) -> list[records.Entry]:
    mesh = parallel.make_mesh()
    evaluator = make_evaluator(spec, run.config, mesh)
    kept = run.path / "evaluations" / _key(evaluator, run.digest)
    state = parallel.global_from_host(mesh, parallel.to_host(run.state))
    try:
        with _progress(f"step {run.step:,}") as progress:
            entries = evaluate_and_record(
                evaluator,
                state,
                run.path,
                step=run.step,
                wall=float(run.meta.get("seconds", 0.0)),
                digest=run.digest,
                kept=kept,
                progress=progress,
            )
    except NotFiniteError as error:
        raise UserError(f"step {run.step:,}: {error}") from error
    if jax.process_index() == 0:
        shutil.rmtree(kept, ignore_errors=True)
    return entries


def _key(evaluator: Evaluator, digest: str) -> str:
    """Names what is kept of a state: all that samples and features depend on."""
    spec = evaluator.spec
    what = [
        digest,
        spec.samples,
        spec.seed,
        spec.labels,
        spec.truncation,
        spec.standing,
        spec.average,
        evaluator.plan.net.fingerprint,
        sorted(evaluator.plan.needs("fake")),
    ]
    return hashlib.sha256(json.dumps(what).encode()).hexdigest()[:16]


@contextmanager
def _progress(title: str) -> Iterator[Progress | None]:
    """A bar on the terminal, and nothing elsewhere."""
    if jax.process_index() != 0 or not sys.stderr.isatty():
        yield None
        return
    with tqdm(desc=title, unit=" samples", file=sys.stderr) as bar:

        def tell(done: int, total: int) -> None:
            bar.total = total
            bar.update(done - bar.n)

        yield tell
