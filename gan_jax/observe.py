"""Looking at a run: pictures, spectra, and the rules that notice trouble."""

from __future__ import annotations

import hashlib
import logging
import math
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from gan_jax import guards, pictures, trees, writers
from gan_jax.analysis.spectra import top_singular_values
from gan_jax.data.protocol import known_vocabulary
from gan_jax.errors import UserError
from gan_jax.sampler import Sampler, in_turn, make_sampler
from gan_jax.session import Session, fixed_examples, real_examples
from gan_jax.state import GameState
from gan_jax.translator import make_translator
from gan_jax.types import Array, Key
from gan_jax.workdir import Workdir, config_dict

_LOG = logging.getLogger(__name__)


def open_sampler(session: Session, key: Key) -> Sampler:
    """What draws the fixed samples of a run, or translates fixed examples.

    Args:
        session: of the run.
        key: of latents and of what networks draw.
    """
    algorithm, game = session.algorithms[-1], session.program[-1].game
    if game.sample is not None:
        return make_sampler(algorithm, key, in_turn(session.data.num_classes), session.mesh)
    examples = fixed_examples(session, session.config.samples.count)
    return make_translator(algorithm, game.directions, key, examples, session.mesh)


class Look(NamedTuple):
    """What one look at the samples gave.

    Attributes:
        picture: uint8 (H, W, C); None of points that do not lie in the plane, and of texts.
        diversity: see `guards.diversity`; of texts the mean share of places at which two
            have unlike tokens.
        text: a line for every text; None of what is no text.
    """

    picture: np.ndarray | None
    diversity: float
    text: str | None = None


def look(session: Session, sampler: Sampler, state: GameState) -> Look:
    """Draws the fixed samples and pictures them."""
    settings = session.config.samples
    images, _ = sampler.draw(state, settings.count, 0)
    if images.ndim == 2 and images.dtype == np.int32:
        return _look_at_texts(session, images)
    diversity = float(guards.diversity(jnp.asarray(images)))
    if sampler.beside is not None:
        images = sampler.beside(images)
    if images.ndim == 4:
        return Look(pictures.grid(images, columns=settings.columns), diversity)
    if images.shape[1:] != (2,):
        return Look(None, diversity)
    real, _ = real_examples(session.source, session.data, len(images))
    return Look(pictures.scatter(real, images), diversity)


def _look_at_texts(session: Session, tokens: np.ndarray) -> Look:
    vocabulary = known_vocabulary(session.source)
    assert vocabulary is not None, "methods of texts take no other data"
    unlike = [np.mean(tokens != row) for row in tokens]
    diversity = float(np.sum(unlike) / (len(tokens) - 1))
    return Look(None, diversity, "".join(f"{line}\n" for line in vocabulary.decode(tokens)))


def spectrum(state: GameState) -> dict[str, Array]:
    """The three top singular values of every trained kernel, named "spectrum/NET/PATH",
    "spectrum_2/NET/PATH" and "spectrum_3/NET/PATH".
    """
    values: dict[str, Array] = {}
    for player in state.players.values():
        for path, top in top_singular_values(player.params, 3).items():
            for name, value in zip(
                ("spectrum", "spectrum_2", "spectrum_3"), top, strict=False
            ):
                values[f"{name}/{path}"] = value
    return values


def norms(state: GameState) -> dict[str, Array]:
    """L2 norm of all parameters of a net, named "param_norm/NET"."""
    return {
        f"param_norm/{net}": trees.global_norm(params)
        for player in state.players.values()
        for net, params in player.params.items()
    }


class Window:
    """Sums of the metrics since the last line. Checkpoints carry them along, so that a run
    that was stopped logs what it would have logged.
    """

    def __init__(self, remembered: Mapping[str, Any]):
        self._count: int = remembered.get("count", 0)
        self._sums: dict[str, float] = dict(remembered.get("sums", {}))

    @property
    def empty(self) -> bool:
        """Whether nothing came since the last line."""
        return self._count == 0

    @property
    def finite(self) -> bool:
        """Whether all that came since the last line is finite."""
        return all(math.isfinite(total) for total in self._sums.values())

    def add(self, metrics: Mapping[str, float]) -> None:
        """Takes the metrics of one dispatch; their names never change."""
        self._count += 1
        for name, value in metrics.items():
            self._sums[name] = self._sums.get(name, 0.0) + value

    def memory(self) -> dict[str, Any]:
        """What a new window remembers this one by: JSON values."""
        return {"count": self._count, "sums": dict(self._sums)}

    def close(self) -> dict[str, float]:
        """Means over the dispatches of the window, which is then empty. Metrics of a lazy
        phase are means over the steps on which it ran, and left out if it did not.
        """
        means = {name: total / self._count for name, total in self._sums.items()}
        self._count, self._sums = 0, {}
        for name in [name for name in means if name.endswith("/ran")]:
            share, phase = means.pop(name), name.removesuffix("ran")
            for metric in [metric for metric in means if metric.startswith(phase)]:
                if share == 0.0:
                    del means[metric]
                else:
                    means[metric] /= share
        return means


class Trouble(UserError):
    """A guard rule stopped the run."""


class Rollback(Exception):
    """A guard rule asks for an earlier state."""


class Watch:
    """The guard rules of a run with what they remember."""

    def __init__(self, session: Session):
        self._session = session
        self._introduced = False
        self.memory: dict[str, Any] = {}

    def __call__(self, step: int, metrics: Mapping[str, float]) -> None:
        """Shows metrics to every rule. What follows from a verdict is `guards.action`.

        Raises:
            Trouble: the run is to stop.
            Rollback: the run is to go back.
        """
        rules, action = self._session.rules, self._session.config.guards.action
        self.memory, verdicts = guards.evaluate(rules, self.memory, metrics)
        for verdict in verdicts:
            message = f"step {step:,}: {verdict.message}"
            if action == "rollback":
                raise Rollback(message)
            if action == "stop":
                raise Trouble(f"stopped by the rule {verdict.rule!r} at {message}")
            warn(message)

    def introduce(self, names: Iterable[str]) -> None:
        """Warns, the first time, of rules that would never speak.

        Args:
            names: of the metrics of steps.
        """
        if self._introduced:
            return
        self._introduced = True
        config, abstract = self._session.config, self._session.abstract
        known = {*names, "sample_diversity", *jax.eval_shape(norms, abstract)}
        if config.log.spectrum_every:
            known.update(jax.eval_shape(spectrum, abstract))
        rules = self._session.rules
        if config.score.every:  # names of scores are not known before the first
            rules = tuple(rule for rule in rules if not _watches_scores(rule))
        for name in guards.unwatched(rules, known):
            warn(f"the guard rule {name!r} watches nothing that this run measures")


def _watches_scores(rule: guards.Rule) -> bool:
    return any(pattern.startswith("score/") for pattern in rule.watches)


def warn(message: str) -> None:
    """A warning, told once and not by every process."""
    if jax.process_index() == 0:
        _LOG.warning("%s", message)


def open_writer(session: Session, workdir: Workdir) -> writers.MetricsWriter:
    """All the places that numbers and pictures go to; nowhere on later processes.

    Raises:
        UserError: Weights & Biases is asked for and not installed.
    """
    if jax.process_index() != 0:
        return writers.multi()
    log = session.config.log
    outputs: list[writers.MetricsWriter] = [
        writers.JsonlWriter(workdir.metrics),
        writers.FolderWriter(workdir.samples),
    ]
    if log.tensorboard:
        outputs.append(writers.TensorBoardWriter(workdir.tensorboard))
    if log.wandb_project is not None:
        # Runs of one name in several folders are not one run.
        digest = hashlib.sha256(str(workdir.path).encode()).hexdigest()
        name, settings = f"{workdir.path.name}-{digest[:8]}", config_dict(session.config)
        folder = workdir.path / "wandb"
        try:
            outputs.append(writers.WandbWriter(log.wandb_project, folder, name, settings))
        except ModuleNotFoundError as error:
            raise UserError(f"log.wandb_project is set: {error}") from error
    return writers.multi(*outputs)


def report(
    session: Session, workdir: Workdir, step: int, scores: Mapping[str, float], digest: str
) -> str:
    """What came of a run and where things are, for people."""
    seen = step * session.config.train.batch_size
    how = "done" if step >= session.config.train.steps else "stopped"
    lines = [f"{how} at step {step:,} ({seen:,} images seen)"]
    lines += [f"  {name}: {value:.4g}" for name, value in sorted(scores.items())]
    corrupt = session.pipeline.corrupt
    if corrupt:
        lines.append(f"unreadable:  {len(corrupt)} images left out, such as {corrupt[0]}")
    shown = sorted((*workdir.samples.glob("*.png"), *workdir.samples.glob("*.txt")))
    if shown:
        lines.append(f"samples:     {shown[-1]}")
    lines.append(f"metrics:     {workdir.metrics}")
    lines.append(f"checkpoints: {workdir.checkpoints}")
    lines.append(f"digest:      {digest}")
    if how == "stopped":
        lines.append("the same command goes on from here")
    return "\n".join(lines)
