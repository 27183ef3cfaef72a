"""The training loop: the only place that knows steps, files and devices together.

The host runs a few dispatches ahead of the devices. Metrics are read when their dispatch
has left that window, so logging never waits for a device that still works.
"""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Generator, Mapping
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import jax
from ml_collections import ConfigDict

from gan_jax import distributed, observe, parallel, writers
from gan_jax.checkpoint import Checkpointer, state_digest
from gan_jax.errors import UserError
from gan_jax.game import rounds_before, stage_at
from gan_jax.session import Session, chunk_rounds, open_session
from gan_jax.signals import StopRequest, stop_request
from gan_jax.state import GameState
from gan_jax.workdir import Workdir, config_dict, open_workdir

_LOG = logging.getLogger(__name__)
_IN_FLIGHT = 3
FREE_FIELDS = (
    "train.steps",
    "log",
    "samples",
    "checkpoint",
    "score",
    "guards",
    "parallel",
    "data.data_dir",
    "data.workers",
    "data.prefetch",
)
"""Config fields that may change when a run goes on: they do not change what is computed,
but for the devices, whose number changes the order of sums."""


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


class Trouble(UserError):
    """A guard rule stopped the run."""


class _Rollback(Exception):
    """A guard rule asks for an earlier state."""


@dataclass
class _Run:
    """What the loop carries from dispatch to dispatch."""

    session: Session
    workdir: Workdir
    checkpoints: Checkpointer
    writer: writers.MetricsWriter
    bar: writers.ProgressBar
    sampler: observe.Sampler
    watch: observe.Watch
    scorer: Any
    stop: StopRequest
    state: GameState
    step: int
    rollbacks: int = 0
    scores: dict[str, float] = field(default_factory=dict)
    scored: int = -1
    flying: deque[tuple[int, Any]] = field(default_factory=deque)
    window: list[Mapping[str, float]] = field(default_factory=list)
    logged: tuple[int, float] = (0, 0.0)

    @property
    def config(self) -> ConfigDict:
        return self.session.config


def train(config: ConfigDict, path: str) -> Summary:
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
        fingerprint = session.source.fingerprint()
        with ExitStack() as stack:
            workdir = stack.enter_context(
                open_workdir(
                    path, config, free_fields=FREE_FIELDS, data_fingerprint=fingerprint
                )
            )
            run = _begin(stack, session, workdir)
            stopped = _train(run)
            return _finish(run, stopped)


def _report_fatal(error: BaseException) -> None:
    if isinstance(error, UserError):
        _LOG.error("%s", error)
    else:
        _LOG.error("fatal error", exc_info=error)


# Beginning and end.


def _begin(stack: ExitStack, session: Session, workdir: Workdir) -> _Run:
    """Opens everything, with the state restored or new."""
    config = session.config
    checkpoints = stack.enter_context(
        Checkpointer(
            workdir.checkpoints,
            config=config_dict(config),
            keep_last=config.checkpoint.keep_last,
            keep_best=config.checkpoint.keep_best,
        )
    )
    state, step, meta = _restore(session, checkpoints)
    writer = stack.enter_context(closing(_open_writer(session, workdir)))
    writer.truncate_after(step)
    bar = writers.ProgressBar(config.train.steps, step)
    stack.enter_context(closing(bar))
    return _Run(
        session=session,
        workdir=workdir,
        checkpoints=checkpoints,
        writer=writer,
        bar=bar,
        sampler=observe.make_sampler(session),
        watch=observe.Watch(session, meta.get("guards", {})),
        scorer=observe.open_scorer(session),
        stop=stack.enter_context(stop_request()),
        state=state,
        step=step,
        rollbacks=meta.get("rollbacks", 0),
        scores=meta.get("scores", {}),
        scored=meta.get("scored", -1),
        logged=(step, time.monotonic()),
    )


def _restore(
    session: Session, checkpoints: Checkpointer
) -> tuple[GameState, int, dict[str, Any]]:
    """The newest whole checkpoint, or a new state."""
    restored = checkpoints.restore(session.abstract)
    if restored is not None:
        _LOG.info("resuming from step %d", restored.step)
        return restored.state, restored.step, restored.meta
    shardings = jax.tree.map(lambda leaf: leaf.sharding, session.abstract)
    state = parallel.init_state(
        session.algorithms[0], session.key, session.mesh, shardings
    )
    return state, 0, {}


def _open_writer(session: Session, workdir: Workdir) -> writers.MetricsWriter:
    """All the places that numbers and pictures go to; nowhere on later processes."""
    if jax.process_index() != 0:
        return writers.multi()
    log = session.config.log
    outputs: list[writers.MetricsWriter] = [
        writers.JsonlWriter(workdir.metrics),
        writers.PngWriter(workdir.samples),
    ]
    if log.tensorboard:
        outputs.append(writers.TensorBoardWriter(workdir.tensorboard))
    if log.wandb_project is not None:
        settings = config_dict(session.config)
        name = workdir.path.name
        outputs.append(
            writers.WandbWriter(log.wandb_project, workdir.path / "wandb", name, settings)
        )
    return writers.multi(*outputs)


def _finish(run: _Run, stopped: bool) -> Summary:
    """Saves, and tells people what came of it."""
    _save(run, wait=True)
    digest = state_digest(run.state)
    run.bar.close()
    lines = [f"{'stopped' if stopped else 'done'} at step {run.step:,}"]
    seen = run.step * run.config.train.batch_size
    lines[0] += f" ({seen:,} images seen)"
    lines += [f"  {name}: {value:.4g}" for name, value in sorted(run.scores.items())]
    pictures = sorted(run.workdir.samples.glob("*.png"))
    if pictures:
        lines.append(f"samples:     {pictures[-1]}")
    lines.append(f"metrics:     {run.workdir.metrics}")
    lines.append(f"checkpoints: {run.workdir.checkpoints}")
    lines.append(f"digest:      {digest}")
    if stopped:
        lines.append("the same command goes on from here")
    report = "\n".join(lines) if jax.process_index() == 0 else ""
    return Summary(report, 0, digest, dict(run.scores))


def _save(run: _Run, *, wait: bool = False) -> None:
    distances = [v for k, v in run.scores.items() if k.startswith("frechet_distance/")]
    run.checkpoints.save(
        run.step,
        run.state,
        position=rounds_before(run.session.program, run.step),
        meta={
            "guards": run.watch.memory,
            "rollbacks": run.rollbacks,
            "scores": run.scores,
            "scored": run.scored,
        },
        score=distances[0] if distances and run.scored == run.step else None,
        wait=wait,
    )


# The loop.


def _train(run: _Run) -> bool:
    """Trains to the last step; returns whether it was asked to stop before."""
    if run.step == 0:
        _show(run)
    while run.step < run.config.train.steps:
        try:
            if _play_stage(run):
                _drain(run)
                return True
        except _Rollback as trouble:
            _roll_back(run, str(trouble))
    return False


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
            run.flying.append((run.step, metrics))
            if len(run.flying) > _IN_FLIGHT:
                _land(run)
            _periodic(run)
            if run.stop.reached(run.step) and run.step < run.config.train.steps:
                return True
    _drain(run)
    return False


def _batches(session: Session, stage: int, step: int) -> Generator[Any]:
    """Batches on the devices, one per dispatch, from the data position of a step."""
    position = rounds_before(session.program, step)
    with closing(
        session.pipeline.iterate(position, chunk_rounds(session, stage))
    ) as host:
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
    if spectrum:
        _record(run, step, jax.jit(observe.spectrum)(run.state))
    if pictures:
        _show(run)
    if scores:
        run.scores, run.scored = _score(run), step
    if save:
        _save(run)
    run.logged = (step, time.monotonic())


def _due(step: int, every: int) -> bool:
    return every > 0 and step % every == 0


def _show(run: _Run) -> None:
    """Draws the fixed samples."""
    look = observe.look(run.session, run.sampler, run.state)
    run.writer.image(run.step, "samples", look.picture)
    _record(run, run.step, {"sample_diversity": look.diversity})


def _score(run: _Run) -> dict[str, float]:
    """Scores the state; the numbers are the same in every process."""
    scores = observe.score(run.session, run.sampler, run.scorer, run.state)
    scores = distributed.from_first_process(scores)
    _record(run, run.step, {f"score/{name}": value for name, value in scores.items()})
    shown = ", ".join(f"{name} {value:.4g}" for name, value in sorted(scores.items()))
    if jax.process_index() == 0:
        run.bar.write(f"step {run.step:,}: {shown}")
    return scores


# Metrics.


def _land(run: _Run) -> None:
    """Reads the metrics of the oldest dispatch in flight; logs at the end of a window."""
    step, metrics = run.flying.popleft()
    run.window.append({k: float(v) for k, v in jax.device_get(metrics).items()})
    if not _due(step, run.config.log.every):
        return
    now = time.monotonic()
    images = (step - run.logged[0]) * run.config.train.batch_size
    speed = images / max(now - run.logged[1], 1e-9)
    means = observe.window_means(run.window)
    run.window, run.logged = [], (step, now)
    losses = {k.split("/")[0]: v for k, v in means.items() if k.endswith("/loss")}
    if jax.process_index() == 0:
        run.bar.update(step, speed, losses)
    _record(run, step, means | {"images_per_second": speed})


def _drain(run: _Run) -> None:
    while run.flying:
        _land(run)


def _record(run: _Run, step: int, metrics: Mapping[str, Any]) -> None:
    """Writes numbers, and shows them to the guard rules."""
    values = {name: float(value) for name, value in metrics.items()}
    seen = step * run.config.train.batch_size
    run.writer.scalars(step, {"images_seen": seen} | values)
    for verdict in run.watch(values):
        message = f"step {step:,}: {verdict.message}"
        if run.config.guards.action == "report":
            _LOG.warning("%s", message)
        elif run.config.guards.action == "rollback":
            raise _Rollback(message)
        else:
            raise Trouble(f"stopped by the rule {verdict.rule!r} at {message}")


def _roll_back(run: _Run, trouble: str) -> None:
    """Goes back to the newest checkpoint, which is from before the trouble, with a new key.

    Every further rollback goes on from the same or an earlier state with another key.
    """
    run.rollbacks += 1
    if run.rollbacks > run.config.guards.max_rollbacks:
        raise Trouble(f"{trouble}; gave up after {run.rollbacks - 1} rollbacks")
    run.flying.clear()
    run.window.clear()
    state, step, meta = _restore(run.session, run.checkpoints)
    key = jax.random.fold_in(state.key, run.rollbacks)
    run.state = state.replace(key=jax.device_put(key, run.session.abstract.key.sharding))
    run.step, run.watch.memory = step, meta.get("guards", {})
    run.scores, run.scored = meta.get("scores", {}), meta.get("scored", -1)
    run.logged = (step, time.monotonic())
    run.writer.truncate_after(step)
    _LOG.warning("%s; back to step %d with a new key", trouble, step)
