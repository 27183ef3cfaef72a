"""Takes the numbers of a spec from a state: in blocks, over all devices and processes."""

from __future__ import annotations

import copy
import importlib.metadata
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.sharding import Mesh
from ml_collections import ConfigDict

from gan_jax import parallel, registry
from gan_jax.config import nearest
from gan_jax.errors import UserError
from gan_jax.evaluation.gather import Progress, known, samples
from gan_jax.evaluation.plan import Plan, as_the_data, make_plan
from gan_jax.evaluation.spec import Spec, spec_of
from gan_jax.game import Game
from gan_jax.methods.sides import GENERATOR
from gan_jax.methods.style_objectives import has_styles
from gan_jax.metrics.cache import cache_directory
from gan_jax.metrics.manifest import (
    NO_REFERENCE,
    QUANTISATION,
    Manifest,
    Measurement,
)
from gan_jax.metrics.measures.evidence import Context, Generator, Measure
from gan_jax.sampler import (
    Sampler,
    check_samples,
    in_turn,
    make_generator,
    make_sampler,
    sampling_key,
    standing_size,
    with_standing,
)
from gan_jax.session import config_algorithm, example_shape
from gan_jax.state import Average, GameState


class Best(NamedTuple):
    """The number by which the best checkpoints are kept.

    Attributes:
        title: of the number; "" if none has a better direction.
        better: "lower" or "higher".
    """

    title: str
    better: str


class Evaluator(NamedTuple):
    """A plan, and how it is carried out.

    Attributes:
        plan: what is measured.
        game: whose samples.
        prepare: `(state) -> state` that is sampled: with standing statistics, or without
            averages, as the spec asks.
        sampler: draws the samples.
        batch_norm: how a manifest names the statistics.
        best: the number by which the best checkpoints are kept.
        batch_size: of the run's training.
        cache_dir: where the reference is kept.
    """

    plan: Plan
    game: Game
    prepare: Callable[[GameState], GameState]
    sampler: Sampler
    batch_norm: str
    best: Best
    batch_size: int
    cache_dir: Path | None

    @property
    def spec(self) -> Spec:
        """What is measured, with everything filled in."""
        return self.plan.spec


def make_evaluator(
    spec: Spec,
    config: ConfigDict,
    mesh: Mesh | None = None,
    *,
    cache_dir: Path | None = None,
) -> Evaluator:
    """Makes ready to evaluate states of a run.

    Args:
        spec: what is asked for.
        config: of the run.
        mesh: devices that draw the samples; None for the default device.
        cache_dir: where statistics of real examples are kept, see
            `cache.cache_directory`.

    Returns:
        The evaluator, for any state of the run.

    Raises:
        UserError: one line that says what is wrong and how to mend it.
    """
    if spec.truncation is not None:
        config = copy.deepcopy(config)
        config.recipe.truncation = spec.truncation
    run = registry.resolve(config, example_shape(config))
    plan = make_plan(spec, config.data.source, run.data)
    game = run.program[-1].game
    check_samples(game)
    if run.data.second is not None:
        raise UserError(
            "samples show two domains side by side, which no data do, so that there is "
            "nothing to measure them against; set score.every to 0"
        )
    _check_styles(plan, game)
    by_turns = in_turn(run.data.num_classes)
    as_data = plan.spec.labels == "as the data" and run.data.num_classes is not None
    sampler = make_sampler(
        config_algorithm(config, game),
        sampling_key(spec.seed),
        as_the_data(plan.reference) if as_data else by_turns,
        mesh,
    )
    size = config.train.batch_size
    standing = f"standing {spec.standing} x {standing_size(size)}"
    return Evaluator(
        plan,
        game,
        partial(_prepared, game, spec, size),
        sampler,
        "running" if spec.standing is None else standing,
        _best(plan, config.score.best),
        size,
        cache_dir,
    )


def _check_styles(plan: Plan, game: Game) -> None:
    """Refuses measures of styles where the generator has none."""
    for name, (measure, _) in plan.measures.items():
        if measure.styles and not has_styles(game.nets[GENERATOR]):
            raise UserError(
                f"measure {name!r} needs a generator with styles, such as stylegan2's; "
                "measure 'path_length' is of any"
            )


def evaluator_of(config: ConfigDict, mesh: Mesh) -> Evaluator | None:
    """What a run is scored by while it trains; None if it is not.

    Raises:
        UserError: as `make_evaluator`.
    """
    if config.score.every == 0:
        return None
    return make_evaluator(spec_of(config), config, mesh)


def _best(plan: Plan, name: str | None) -> Best:
    """What `score.best` names, else the first number of which a direction is better."""
    better = {title: way for title, way in plan.better.items() if way}
    title = name or next(iter(better), "")
    if name and name not in better:
        raise UserError(
            f"score.best names no number of this run: {name!r}{nearest(name, better)}"
        )
    return Best(title, better.get(title, "lower"))


def _prepared(game: Game, spec: Spec, batch_size: int, state: GameState) -> GameState:
    """The state as it is sampled."""
    if not spec.average:
        state = _without_averages(state)
    if spec.standing is None:
        return state
    key = sampling_key(spec.seed)
    return with_standing(game, state, key, spec.standing, batch_size, "score.standing")


def _without_averages(state: GameState) -> GameState:
    """The state with every average in step with its player."""

    def live(player: Any) -> Any:
        if not isinstance(player.ema, Average):
            return player
        now = Average(player.params, player.stats, player.transform)
        return player.replace(ema=now)

    players = {name: live(player) for name, player in state.players.items()}
    return state.replace(players=players)


def evaluate(
    evaluator: Evaluator,
    state: GameState,
    *,
    kept: Path | None = None,
    progress: Progress | None = None,
) -> list[Measurement]:
    """The numbers of a state; in several processes a collective.

    The same state gives the same numbers to the last bit.

    Args:
        evaluator: from `make_evaluator`.
        state: of the run.
        kept: folder of what was computed of the samples so far, so that an evaluation that
            was stopped goes on; None to keep nothing.
        progress: told after every block.

    Returns:
        Measurements; none on all processes but the first.

    Raises:
        NotFiniteError: a sample is not finite.
        UserError: a measure cannot be taken of so few examples.
    """
    plan, sampled = evaluator.plan, evaluator.prepare(state)
    fake = samples(plan, evaluator.sampler, sampled, kept, progress)
    folder = cache_directory(evaluator.cache_dir)
    real = known(plan.net, plan.reference, plan.needs("real"), folder)
    held_out = None
    if plan.held_out is not None:
        held_out = known(plan.net, plan.held_out, plan.needs("held_out"), folder)
    generator = _generator(evaluator, sampled)
    if jax.process_index() != 0:
        return []
    context = Context(
        plan.net,
        real,
        fake,
        held_out,
        generator,
        plan.num_classes,
        plan.modes,
        plan.spec.seed,
    )
    return [
        measurement
        for name in plan.measures
        for measurement in _measured(evaluator, name, context)
    ]


def _generator(evaluator: Evaluator, state: GameState) -> Generator | None:
    """The generator, where a measure needs it; a collective. Its arrays are not bound to
    the devices that draw samples: measures have their own.
    """
    plan = evaluator.plan
    if not any(measure.generator for measure, _ in plan.measures.values()):
        return None
    free = jax.tree.map(jnp.asarray, parallel.to_host(state))
    return make_generator(evaluator.game, free, plan.num_classes)


def _measured(evaluator: Evaluator, name: str, context: Context) -> list[Measurement]:
    measure, options = evaluator.plan.measures[name]
    try:
        values = measure.run(context, **options)
    except ValueError as error:
        raise UserError(f"measure {name!r}: {error}") from error
    return [
        Measurement(
            float(value.value),
            _manifest(evaluator, title, measure, options),
            value.std,
            value.low,
            value.high,
        )
        for title, value in values.items()
    ]


def _manifest(
    evaluator: Evaluator, title: str, measure: Measure, options: Mapping[str, Any]
) -> Manifest:
    plan, spec = evaluator.plan, evaluator.plan.spec
    real = plan.reference
    those = (real.source.name, real.split, real.fingerprint, real.size)
    name, split, fingerprint, count = those if measure.real else NO_REFERENCE
    medium = plan.medium(measure)
    return Manifest(
        measure=title,
        options=dict(options),
        features=medium.name,
        features_fingerprint=medium.fingerprint,
        resize=medium.resize,
        quantisation="none" if len(real.data.image_shape) == 1 else QUANTISATION,
        reference=name,
        reference_split=split,
        reference_fingerprint=fingerprint,
        reference_count=count,
        samples=spec.samples,
        seed=spec.seed,
        truncation=spec.truncation,
        labels="none" if plan.num_classes is None else spec.labels,
        batch_norm=evaluator.batch_norm,
        average=spec.average,
        code=importlib.metadata.version("gan_jax"),
    )
