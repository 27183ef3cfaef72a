"""The training loop: the only place that knows steps, files and devices together.

The host runs a few dispatches ahead of the devices. Metrics are read when their dispatch
has left that window, so logging never waits for a device that still works.
"""

from __future__ import annotations

import logging
import os
import time
from collections import deque
from collections.abc import Generator, Mapping
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, NamedTuple

import jax
from ml_collections import ConfigDict

from gan_jax import distributed, evaluation, observe, parallel, prng, writers
from gan_jax.checkpoint import Checkpointer, state_digest
from gan_jax.config import FREE_FIELDS, default_config
from gan_jax.data import DataError
from gan_jax.errors import UserError
from gan_jax.evaluation import Evaluator
from gan_jax.game import rounds_before, stage_at
from gan_jax.sampler import Sampler
from gan_jax.session import Session, chunk_rounds, open_session
from gan_jax.signals import StopRequest, stop_request
from gan_jax.state import GameState
from gan_jax.workdir import SameRun, Workdir, config_dict, open_workdir

_LOG = logging.getLogger(__name__)
_IN_FLIGHT = 3
_SAME = SameRun(FREE_FIELDS, default_config())


class Summary(NamedTuple):
    """How a run ended.

    Attributes:
        report: lines for people: where things are, and what was reached; empty on all
            processes but the first.
        exit_code: 0, also for a run that was asked to stop and saved.
        digest: SHA-256 of the final state.
        scores: the last scores.
    """

    report: str
    exit_code: int
    digest: str
    scores: Mapping[str, float]


@dataclass
class _Run:
    """What the loop carries from dispatch to dispatch."""

    session: Session
    workdir: Workdir
    checkpoints: Checkpointer
    writer: writers.MetricsWriter
    bar: writers.ProgressBar
    sampler: Sampler
    evaluator: Evaluator | None
    stop: StopRequest
    state: GameState
    step: int
    watch: observe.Watch
    window: observe.Window
    rollbacks: int = 0
    fallback: int | None = None
    scores: dict[str, float] = field(default_factory=dict)
    scored: int = -1
    flying: deque[tuple[int, Any]] = field(default_factory=deque)
    logged: tuple[int, float] = (0, 0.0)
    seconds: float = 0.0  # up to the last step, with those before the run was stopped
    ticked: float = field(default_factory=time.monotonic)

    @property
    def config(self) -> ConfigDict:
        return self.session.config


def train(config: ConfigDict, path: str | os.PathLike[str]) -> Summary:
    """Trains from a config in a work directory, or goes on with the run that is there.

    Args:
        config: from `default_config`, changed.
        path: the work directory.

    Returns:
        How it ended.

    Raises:
        UserError: one line that says what is wrong and how to mend it.
    """
    processes = distributed.initialize()
    with distributed.abort_on_fatal(processes, _report_fatal):
        session = open_session(config)
        fingerprint = session.fingerprint()
        with ExitStack() as stack:
            workdir = stack.enter_context(
                open_workdir(path, config, same=_SAME, data_fingerprint=fingerprint)
            )
            run = _begin(stack, session, workdir)
            _train(run)
            return _finish(run)


def _report_fatal(error: BaseException) -> None:
    if isinstance(error, UserError):
        _LOG.error("%s", error)
    else:
        _LOG.error("fatal error", exc_info=error)


# Beginning and end.


def _begin(stack: ExitStack, session: Session, workdir: Workdir) -> _Run:
    """Opens everything, with the state restored or new."""
    config = session.config
    evaluator = evaluation.evaluator_of(config, session.mesh)
    checkpoints = stack.enter_context(
        Checkpointer(
            workdir.checkpoints,
            config=config_dict(config),
            keep_last=config.checkpoint.keep_last,
            keep_best=config.checkpoint.keep_best,
            lower_is_better=evaluator is None or evaluator.best.better == "lower",
        )
    )
    state, step, meta = _restore(session, checkpoints)
    writer = stack.enter_context(closing(observe.open_writer(session, workdir)))
    bar = writers.ProgressBar(config.train.steps, step)
    stack.enter_context(closing(bar))
    key = prng.fold_name(session.key, "samples")
    run = _Run(
        session=session,
        workdir=workdir,
        checkpoints=checkpoints,
        writer=writer,
        bar=bar,
        sampler=observe.open_sampler(session, key),
        evaluator=evaluator,
        stop=stack.enter_context(stop_request()),
        state=state,
        step=step,
        watch=observe.Watch(session),
        window=observe.Window({}),
        rollbacks=meta.get("rollbacks", 0),
    )
    _go_on(run, state, step, meta)
    return run


def _restore(
    session: Session, checkpoints: Checkpointer
) -> tuple[GameState, int, dict[str, Any]]:
    """The newest whole checkpoint, or a new state."""
    restored = checkpoints.restore(session.abstract)
    if restored is not None:
        if jax.process_index() == 0:
            _LOG.info("resuming from step %d", restored.step)
        return restored.state, restored.step, restored.meta
    shardings = jax.tree.map(lambda leaf: leaf.sharding, session.abstract)
    state = parallel.init_state(session.algorithms[0], session.key, session.mesh, shardings)
    return state, 0, {}


def _go_on(run: _Run, state: GameState, step: int, meta: Mapping[str, Any]) -> None:
    """Puts the run at a state, and everything else back to that step."""
    run.state, run.step = state, step
    run.scores, run.scored = meta.get("scores", {}), meta.get("scored", -1)
    run.watch.memory = meta.get("guards", {})
    run.window = observe.Window(meta.get("window", {}))
    run.flying.clear()
    run.logged = (step, time.monotonic())
    run.seconds, run.ticked = meta.get("seconds", 0.0), time.monotonic()
    run.writer.truncate_after(step)
    if jax.process_index() == 0:
        evaluation.truncate_after(run.workdir.path, step)


def _save(run: _Run, *, wait: bool = False) -> None:
    best = "" if run.evaluator is None else run.evaluator.best.title
    run.checkpoints.save(
        run.step,
        run.state,
        position=rounds_before(run.session.program, run.step),
        meta={
            "guards": run.watch.memory,
            "window": run.window.memory(),
            "rollbacks": run.rollbacks,
            "scores": run.scores,
            "scored": run.scored,
            # One clock: all processes must save the same notes.
            "seconds": distributed.from_first_process(run.seconds),
            "evaluation": None if run.evaluator is None else run.evaluator.spec.to_dict(),
        },
        score=run.scores.get(best) if run.scored == run.step else None,
        wait=wait,
    )


def _finish(run: _Run) -> Summary:
    """Saves, and tells people what came of it."""
    _save(run, wait=True)
    digest = state_digest(run.state)
    run.bar.close()
    report = ""
    if jax.process_index() == 0:
        report = observe.report(run.session, run.workdir, run.step, run.scores, digest)
    return Summary(report, 0, digest, dict(run.scores))


# The loop.


def _train(run: _Run) -> None:
    """Trains to the last step, or until asked to stop."""
    if run.step == 0:
        _show(run)
    while run.step < run.config.train.steps:
        try:
            if _play_stage(run):
                _drain(run)
                _examine(run)
                return
        except observe.Rollback as trouble:
            _roll_back(run, str(trouble))
        except DataError:
            _save_before_leaving(run)
            raise


def _play_stage(run: _Run) -> bool:
    """Plays the stage of the current step to its end; returns whether asked to stop."""
    session, per_call = run.session, run.config.train.steps_per_dispatch
    index = stage_at(session.program, run.step)
    stage, step_fn = session.program[index], session.steps[index]
    begins = index > 0 and run.step == session.program[index - 1].until
    if begins and stage.enter is not None:
        run.state = stage.enter(run.state)
    end = min(run.config.train.steps, stage.until or run.config.train.steps)
    with closing(_batches(session, index, run.step)) as batches:
        while run.step < end:
            run.state, metrics = step_fn(run.state, next(batches))
            run.step += per_call
            now = time.monotonic()
            run.seconds, run.ticked = run.seconds + now - run.ticked, now
            run.flying.append((run.step, metrics))
            if len(run.flying) > _IN_FLIGHT:
                _land(run)
            _periodic(run)
            asked = run.stop.reached(run.step // per_call)
            if asked and run.step < run.config.train.steps:
                return True
    _drain(run)
    return False


def _batches(session: Session, stage: int, step: int) -> Generator[Any]:
    """Batches on the devices, one per dispatch, from the data position of a step."""
    position = rounds_before(session.program, step)
    with closing(session.pipeline.iterate(position, chunk_rounds(session, stage))) as host:
        yield from parallel.prefetch_to_device(host, session.mesh)


def _periodic(run: _Run) -> None:
    """What happens at certain steps besides training; needs all metrics read first."""
    config, step = run.config, run.step
    last = step == config.train.steps
    spectrum = _due(step, config.log.spectrum_every)
    pictures = last or _due(step, config.samples.every)
    scores = config.score.every > 0 and (last or _due(step, config.score.every))
    save = last or _due(step, config.checkpoint.every)
    if not (spectrum or pictures or scores or save):
        return
    _drain(run)
    if last:
        _log(run, step)
    if spectrum:
        _record(run, step, jax.jit(observe.spectrum)(run.state))
    if pictures:
        _show(run)
    if scores:
        _score(run)
    if save:
        _examine(run)
        _save(run)
    run.logged = (step, time.monotonic())


def _due(step: int, every: int) -> bool:
    return every > 0 and step % every == 0


def _show(run: _Run) -> None:
    """Draws the fixed samples."""
    look = observe.look(run.session, run.sampler, run.state)
    if look.picture is not None:
        run.writer.image(run.step, "samples", look.picture)
    if look.text is not None:
        run.writer.text(run.step, "samples", look.text)
    _record(run, run.step, {"sample_diversity": look.diversity})


def _score(run: _Run) -> None:
    """Scores the state; the numbers are the same in every process. Samples that are not
    finite have no score.
    """
    assert run.evaluator is not None
    try:
        found = evaluation.evaluate_and_record(
            run.evaluator,
            run.state,
            run.workdir.path,
            step=run.step,
            wall=run.seconds,
            digest=state_digest(run.state),
        )
    except evaluation.NotFiniteError as error:
        observe.warn(f"step {run.step:,}: {error}; they get no score")
        found = []
    scores = {each.measurement.manifest.title: each.measurement.value for each in found}
    run.scores, run.scored = distributed.from_first_process(scores), run.step
    _record(run, run.step, {f"score/{name}": v for name, v in run.scores.items()})
    shown = ", ".join(f"{name} {value:.4g}" for name, value in sorted(run.scores.items()))
    if shown and jax.process_index() == 0:
        run.bar.write(f"step {run.step:,}: {shown}")


def _examine(run: _Run) -> None:
    """Shows the rules, before a save, what the next line of metrics would tell too late."""
    if not run.window.finite and run.config.guards.action != "report":
        _log(run, run.step)
    _record(run, run.step, jax.jit(observe.norms)(run.state))


def _save_before_leaving(run: _Run) -> None:
    """Saves a state that trains no further because its data end. Other processes may not
    know of that, and a save needs all of them.
    """
    if jax.process_count() > 1:
        return
    with suppress(observe.Rollback, observe.Trouble):
        _drain(run)
        _examine(run)
        _save(run, wait=True)


# Metrics.


def _land(run: _Run) -> None:
    """Reads the metrics of the oldest dispatch in flight; logs at the end of a window."""
    step, metrics = run.flying.popleft()
    run.window.add({k: float(v) for k, v in jax.device_get(metrics).items()})
    if _due(step, run.config.log.every):
        _log(run, step)


def _drain(run: _Run) -> None:
    while run.flying:
        _land(run)


def _log(run: _Run, step: int) -> None:
    """A line of metrics: means since the last one."""
    if run.window.empty:
        return
    means, now = run.window.close(), time.monotonic()
    run.watch.introduce(means)
    images = (step - run.logged[0]) * run.config.train.batch_size
    speed = images / max(now - run.logged[1], 1e-9)
    run.logged = (step, now)
    losses = {k.split("/")[0]: v for k, v in means.items() if k.endswith("/loss")}
    if jax.process_index() == 0:
        run.bar.update(step, speed, losses)
    _record(run, step, means, {"images_per_second": speed})


def _record(
    run: _Run,
    step: int,
    metrics: Mapping[str, Any],
    unjudged: Mapping[str, float] = MappingProxyType({}),
) -> None:
    """Writes numbers, and shows them to the guard rules but for the `unjudged`, which
    differ between processes. Before the first step there is nothing to judge.
    """
    values = {name: float(value) for name, value in metrics.items()}
    seen = step * run.config.train.batch_size
    clock = {"images_seen": seen, "wall_seconds": run.seconds}
    run.writer.scalars(step, clock | values | dict(unjudged))
    if step > 0:
        run.watch(step, values)


def _roll_back(run: _Run, trouble: str) -> None:
    """Goes back to the newest checkpoint with a new key; to the one before it if trouble
    came from there already.
    """
    run.rollbacks += 1
    if run.rollbacks > run.config.guards.max_rollbacks:
        raise observe.Trouble(f"{trouble}; gave up after {run.rollbacks - 1} rollbacks")
    saved = run.checkpoints.steps()
    if len(saved) > 1 and saved[-1] == run.fallback:
        run.checkpoints.discard_after(saved[-2])
    state, step, meta = _restore(run.session, run.checkpoints)
    run.fallback = step
    key = jax.random.fold_in(state.key, run.rollbacks)
    key = jax.device_put(key, run.session.abstract.key.sharding)
    _go_on(run, state.replace(key=key), step, meta)
    observe.warn(f"{trouble}; back to step {step} with a new key")
