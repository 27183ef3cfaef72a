"""From names to values: the only reader of ConfigDicts.

Everything below this floor takes functions and numbers. Here a config's names are looked up
in tables, and its whole becomes a `Run` of typed values.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from ml_collections import ConfigDict

from gan_jax import losses, penalties, priors, transforms
from gan_jax.config import choose, flatten, nearest
from gan_jax.data import synthetic_source
from gan_jax.errors import UserError
from gan_jax.game import Ema, Game, Program, Stage
from gan_jax.guards import RULES, Rule
from gan_jax.methods import METHODS
from gan_jax.methods.two_player import Recipe, Terms, Weighted
from gan_jax.metrics import score
from gan_jax.metrics.classifier import load_classifier
from gan_jax.metrics.features import thumbnails
from gan_jax.metrics.modes import Modes
from gan_jax.metrics.score import Scorer
from gan_jax.nn.norm import BatchNorm, LayerNorm, NormFactory
from gan_jax.optim import keep_params_in_box, schedule_in_images
from gan_jax.types import ParamTransform

LOSSES = {
    "minimax": losses.minimax,
    "non_saturating": losses.non_saturating,
    "hinge": losses.hinge,
    "least_squares": losses.least_squares,
    "wasserstein": losses.wasserstein,
}
PRIORS = {"normal": priors.normal, "uniform": priors.uniform}
TRANSFORMS: dict[str, Callable[[], ParamTransform]] = {
    "none": transforms.identity,
    "spectral_norm": transforms.spectral_norm,
    "equalized_lr": transforms.equalized_lr,
    "weight_norm": transforms.weight_norm,
}
NORMS: dict[str, NormFactory | None] = {
    "none": None,
    "batch": BatchNorm,
    "layer": LayerNorm,
}
DTYPES: dict[str, Any] = {"float32": jnp.float32, "bfloat16": jnp.bfloat16}
NAMED_OPTIONS: dict[str, dict[str, Any]] = {"d_norm": NORMS, "dtype": DTYPES}
"""Options of networks whose values have names in a config."""
PENALTIES: dict[str, Callable[..., Any]] = {
    "gradient_penalty": penalties.gradient_penalty,
    "finite_difference_penalty": penalties.finite_difference_penalty,
    "r1": penalties.r1,
    "r2": penalties.r2,
    "dragan": penalties.dragan,
    "orthogonal": penalties.orthogonal,
}


class DataSettings(NamedTuple):
    """Where images come from, and what the networks see of them."""

    source: str
    data_dir: str | None
    image_shape: tuple[int, ...]
    num_classes: int | None
    resize: str
    crop: str
    flip: bool
    fill: int
    mix_channels: bool
    workers: int
    prefetch: int
    max_corrupt: int


class Run(NamedTuple):
    """A config, resolved.

    Attributes:
        program: what is played.
        data: where its images come from.
    """

    program: Program
    data: DataSettings


def resolve(config: ConfigDict, image_shape: tuple[int, ...]) -> Run:
    """Builds what a config names, for data of a given shape.

    Args:
        config: from `default_config`, changed.
        image_shape: shape of one example of the source, used where the config has none.

    Raises:
        UserError: a name is unknown, a value is out of range, or fields disagree; names the
            field and, for a misspelt name, the nearest one.
    """
    check_numbers(config)
    shape = tuple(config.data.image_shape or image_shape)
    data = DataSettings(**{**config.data.to_dict(), "image_shape": shape})
    return Run(build_program(config, shape), data)


def check_numbers(config: ConfigDict) -> None:
    """Refuses numbers that no run can use.

    Raises:
        UserError: names the field.
    """
    flat = flatten(config)
    for name in ("train.steps", "train.batch_size", "train.microbatches", "log.every",
                 "train.steps_per_dispatch", "samples.count", "samples.columns",
                 "checkpoint.keep_last", "score.samples", "score.reference"):  # fmt: skip
        if flat[name] < 1:
            raise UserError(f"{name} must be at least 1, got {flat[name]}")
    per_call = config.train.steps_per_dispatch
    for name in ("log.every", "log.spectrum_every", "samples.every", "checkpoint.every",
                 "score.every", "train.steps"):  # fmt: skip
        if flat[name] % per_call:
            raise UserError(
                f"{name} ({flat[name]}) must be a multiple of train.steps_per_dispatch "
                f"({per_call})"
            )


def build_program(config: ConfigDict, image_shape: tuple[int, ...]) -> Program:
    """The stages of a config: those it lists, then the run itself."""
    stages = []
    for number, entry in enumerate(config.stages):
        if "until" not in entry:
            raise UserError(f"stages[{number}] needs 'until', the step at which it ends")
        changes = {name: value for name, value in entry.items() if name != "until"}
        changed = config.copy_and_resolve_references()
        for name, value in changes.items():
            if name not in changed.recipe:
                raise UserError(
                    f"stages[{number}] names no recipe field {name!r}"
                    f"{nearest(name, changed.recipe)}"
                )
            changed.recipe[name] = value
        stages.append(Stage(int(entry["until"]), build_game(changed, image_shape)))
    return (*stages, Stage(None, build_game(config, image_shape)))


def build_game(config: ConfigDict, image_shape: tuple[int, ...]) -> Game:
    """The game of a config, without regard to its stages."""
    builder = choose("method", config.method, METHODS)
    options = inspect.signature(builder).parameters
    for name in config.model:
        if name not in options or name == "recipe":
            known = set(options) - {"recipe", "image_shape", "num_classes"}
            raise UserError(
                f"method {config.method!r} has no model option {name!r}"
                f"{nearest(name, known)}"
            )
    sizes = {
        name: choose(f"model option {name}", value, NAMED_OPTIONS[name])
        if name in NAMED_OPTIONS
        else value
        for name, value in config.model.items()
    }
    recipe = build_recipe(config, options["recipe"].default)
    return builder(
        image_shape=image_shape,
        num_classes=config.data.num_classes,
        recipe=recipe,
        **sizes,
    )


def build_recipe(config: ConfigDict, published: Recipe) -> Recipe:
    """The method's own recipe, with what the config sets put in its place."""
    spec = config.recipe
    changes: dict[str, Any] = {}
    for name in ("d_steps", "joint_forward", "fakes_per_real"):
        if spec[name] is not None:
            changes[name] = spec[name]
    if spec.loss is not None:
        changes["loss"] = choose("loss", spec.loss, LOSSES)
    if spec.prior is not None or spec.latent_dim is not None:
        changes["prior"] = _prior(spec, published)
    for player in ("g", "d"):
        changes[f"{player}_terms"] = _terms(
            getattr(published, f"{player}_terms"), spec[f"{player}_terms"]
        )
        optimizer = spec[f"{player}_optimizer"]
        if optimizer.name is not None:
            updates = _updates_per_step(player, changes, published)
            changes[f"{player}_tx"] = _optimizer(
                optimizer, config.train.batch_size, updates
            )
        if spec[f"{player}_transform"] is not None:
            name = spec[f"{player}_transform"]
            changes[f"{player}_transform"] = choose("transform", name, TRANSFORMS)()
    if spec.ema.half_life is not None:
        changes["g_ema"] = Ema(spec.ema.half_life, spec.ema.start, spec.ema.ramp)
    return published._replace(**changes)


def _prior(spec: ConfigDict, published: Recipe) -> priors.Prior:
    dim = spec.latent_dim
    if dim is None:
        (dim,) = jax.eval_shape(published.prior, jax.random.key(0)).shape
    return choose("prior", spec.prior or "normal", PRIORS)(dim)


def _updates_per_step(player: str, changes: Mapping[str, Any], published: Recipe) -> float:
    """Optimizer updates of a player per step: its repeats, and its lazy phases' share."""
    recipe = published._replace(
        **{k: v for k, v in changes.items() if k in ("d_steps", f"{player}_terms")}
    )
    terms = recipe.d_terms if player == "d" else recipe.g_terms
    weighted = [t if isinstance(t, Weighted) else Weighted(*t) for t in terms.values()]
    lazy = sum(1.0 / term.every for term in weighted if term.every > 1)
    return (recipe.d_steps if player == "d" else 1) + lazy


def _optimizer(
    spec: ConfigDict, batch_size: int, updates_per_step: float
) -> optax.GradientTransformation:
    rate: Any = spec.learning_rate
    if (spec.decay_from is None) != (spec.decay_to is None):
        raise UserError("decay_from and decay_to of an optimizer must be set together")
    if spec.decay_to is not None:
        span = int(spec.decay_to - spec.decay_from)
        linear = optax.linear_schedule(rate, 0.0, span, int(spec.decay_from))
        rate = schedule_in_images(linear, batch_size, updates_per_step=updates_per_step)
    makers: dict[str, Callable[[], optax.GradientTransformation]] = {
        "adam": lambda: optax.adam(rate, b1=spec.b1, b2=spec.b2, eps=spec.eps),
        "rmsprop": lambda: optax.rmsprop(
            rate, decay=spec.b2, eps=spec.eps, momentum=spec.momentum or None
        ),
        "sgd": lambda: optax.sgd(rate, momentum=spec.momentum or None),
    }
    tx = choose("optimizer", spec.name, makers)()
    if spec.box is None:
        return tx
    return optax.chain(tx, keep_params_in_box(-spec.box, spec.box))


def _terms(published: Terms, spec: ConfigDict) -> Terms:
    changed = {name: _term(name, spec[name].to_dict()) for name in spec}
    kept = {name: term for name, term in changed.items() if term.weight != 0.0}
    return {name: term for name, term in published.items() if name not in changed} | kept


def _term(name: str, entry: Mapping[str, Any]) -> Weighted:
    options = dict(entry)
    if "penalty" not in options or "weight" not in options:
        raise UserError(
            f"term {name!r} needs 'penalty' and 'weight', got {sorted(options)}"
        )
    factory = choose("penalty", options.pop("penalty"), PENALTIES)
    weight, every = float(options.pop("weight")), int(options.pop("every", 1))
    known = inspect.signature(factory).parameters
    for option in options:
        if option not in known:
            raise UserError(
                f"term {name!r} has no option {option!r}{nearest(option, known)}"
            )
    return Weighted(weight, factory(**options), every)


def make_rules(config: ConfigDict) -> tuple[Rule, ...]:
    """The guard rules that a config lists.

    Raises:
        UserError: a rule or an option of one is unknown.
    """
    actions = ("report", "stop", "rollback")
    choose("guard action", config.guards.action, dict.fromkeys(actions))
    rules = []
    for name, options in config.guards.rules.items():
        factory = choose("guard rule", name, RULES)
        known = inspect.signature(factory).parameters
        for option in options:
            if option not in known:
                raise UserError(
                    f"guard rule {name!r} has no option {option!r}{nearest(option, known)}"
                )
        rules.append(factory(**options.to_dict()))
    return tuple(rules)


CLASSIFIED = {
    "builtin:mnist": "mnist",
    "builtin:emoji_google": "emoji",
    "builtin:emoji_twitter": "emoji",
}
"""Built-in sources, and the classifier in whose features their samples are scored."""

MODES = {
    "synthetic:ring": (synthetic_source.ring_modes, synthetic_source.RING_SIGMA),
    "synthetic:grid": (synthetic_source.grid_modes, synthetic_source.GRID_SIGMA),
}
"""Mixtures whose modes are known."""


def make_scorer(source: str, real: np.ndarray) -> Scorer:
    """The scorer for samples of a source.

    Args:
        source: as in a config.
        real: real examples as the networks see them: uint8 images, or float points.

    Returns:
        For points, a Fréchet distance of coordinates and the modes found; for built-in
        images, the features and the verdict of a classifier trained on that data; for all
        others a Fréchet distance of 8 x 8 thumbnails.
    """
    name = ":".join(source.split(":")[:2])
    if real.ndim == 2:
        known = MODES.get(name)
        return score.make_point_scorer(real, known and Modes(known[0](), known[1]))
    if name in CLASSIFIED:
        return score.make_scorer(load_classifier(CLASSIFIED[name]), real)
    return score.make_scorer(thumbnails(), real)
