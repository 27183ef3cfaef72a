"""From names to values: the only reader of ConfigDicts.

Everything below this floor takes functions and numbers. Here a config's names are looked up
in tables, and its whole becomes a `Run` of typed values.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
from ml_collections import ConfigDict

from gan_jax import priors
from gan_jax.config import choose, flatten, nearest
from gan_jax.errors import UserError
from gan_jax.game import Ema, Game, Program, Stage
from gan_jax.growth import OPTIONS, config_turns
from gan_jax.guards import RULES, Rule
from gan_jax.methods import GROWING, METHODS, TEXT, UNPAIRED
from gan_jax.methods.growing import restart
from gan_jax.methods.recipe import Augmentation, Recipe
from gan_jax.methods.terms import Terms, Weighted, weighted
from gan_jax.optimizers import build_optimizer, decaying
from gan_jax.stages import check_multiple, parts
from gan_jax.tables import (
    AUGMENTATIONS,
    LOSSES,
    NAMED_OPTIONS,
    PENALTIES,
    PRIORS,
    TRANSFORMS,
)


class DataSettings(NamedTuple):
    """Where images come from, and what the networks see of them."""

    source: str
    data_dir: str | None
    image_shape: tuple[int, ...]
    num_classes: int | None
    labelled: int | None
    second: str | None
    resize: str
    crop: str
    margin: int
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
    _check_second(config)
    if len(shape) not in (1, 2, 3) or not all(isinstance(n, int) and n > 0 for n in shape):
        raise UserError(
            f"data.image_shape is {shape}; expected (height, width, channels), "
            "(dimensions,) for points, or (length, tokens) for text"
        )
    if len(shape) == 2 and config.method in METHODS and config.method not in TEXT:
        raise UserError(
            f"method {config.method!r} makes no text, which the data are; those that do: "
            f"{', '.join(sorted(TEXT))}"
        )
    data = DataSettings(**{**config.data.to_dict(), "image_shape": shape})
    return Run(build_program(config, shape), data)


def _check_second(config: ConfigDict) -> None:
    needed, given = config.method in UNPAIRED, config.data.second is not None
    if needed and not given:
        raise UserError(
            f"method {config.method!r} is of two domains: set data.second to the other, as "
            "data.source is the first"
        )
    if given and not needed:
        raise UserError(
            f"method {config.method!r} has no use for data.second: leave it out, or choose "
            f"one of {', '.join(sorted(UNPAIRED))}"
        )


_LEAST = {
    "train.steps": 1, "train.batch_size": 1, "train.microbatches": 1,
    "train.steps_per_dispatch": 1, "log.every": 1, "log.spectrum_every": 0,
    "samples.every": 0, "samples.count": 2, "samples.columns": 1, "checkpoint.every": 0,
    "checkpoint.keep_last": 1, "checkpoint.keep_best": 0, "score.every": 0,
    "score.samples": 2, "score.reference": 0, "guards.max_rollbacks": 0, "data.labelled": 1,
}  # fmt: skip
_PER_DISPATCH = (
    "train.steps", "log.every", "log.spectrum_every", "samples.every", "checkpoint.every",
    "score.every",
)  # fmt: skip


def check_numbers(config: ConfigDict) -> None:
    """Refuses numbers that no run can use.

    Raises:
        UserError: names the field.
    """
    flat = flatten(config)
    for name, least in _LEAST.items():
        if flat[name] is not None and flat[name] < least:
            raise UserError(f"{name} must be at least {least}, got {flat[name]}")
    if config.data.num_classes is not None and config.data.num_classes < 1:
        raise UserError(f"data.num_classes must be positive, got {config.data.num_classes}")
    per_call = config.train.steps_per_dispatch
    for name in _PER_DISPATCH:
        check_multiple(name, flat[name], per_call)


def build_program(config: ConfigDict, image_shape: tuple[int, ...]) -> Program:
    """The stages of a config: those it lists, then the run itself; or those of its method,
    if that grows.

    Raises:
        UserError: as `resolve`.
    """
    if config.method in GROWING:
        return tuple(
            Stage(until, build_game(changed, image_shape), restart if number else None)
            for number, (until, changed) in enumerate(config_turns(config, image_shape))
        )
    return tuple(
        Stage(until, build_game(changed, image_shape), restart if afresh else None)
        for until, changed, afresh in parts(config)
    )


def build_game(config: ConfigDict, image_shape: tuple[int, ...]) -> Game:
    """The game of a config, without regard to its stages.

    Raises:
        UserError: as `resolve`.
    """
    builder = choose("method", config.method, METHODS)
    options = inspect.signature(builder).parameters
    known = set(options) - {"recipe", "image_shape", "num_classes"}
    choices = known | OPTIONS if config.method in GROWING else known
    model = config.model.to_dict()
    for name, value in model.items():
        if name not in known:
            raise UserError(
                f"method {config.method!r} has no model option {name!r}"
                f"{nearest(name, choices)}"
            )
        if name in NAMED_OPTIONS:
            model[name] = choose(f"model option {name}", value, NAMED_OPTIONS[name])
    recipe = build_recipe(config, options["recipe"].default)
    try:
        return builder(
            image_shape=image_shape,
            num_classes=config.data.num_classes,
            recipe=recipe,
            **model,
        )
    except (ValueError, TypeError) as error:
        raise UserError(f"method {config.method!r}: {_one_line(error)}") from error


def build_recipe(config: ConfigDict, published: Recipe) -> Recipe:
    """The method's own recipe, with what the config sets put in its place.

    Raises:
        UserError: as `resolve`.
    """
    spec = config.recipe
    changes: dict[str, Any] = {}
    for name in ("d_steps", "joint_forward", "fakes_per_real"):
        if spec[name] is not None:
            changes[name] = spec[name]
    if spec.loss is not None:
        changes["loss"] = choose("loss", spec.loss, LOSSES)
    latents = (spec.prior, spec.latent_dim, spec.truncation)
    if any(field is not None for field in latents):
        changes["prior"] = _prior(spec, published)
    for player in ("g", "d"):
        changes[f"{player}_terms"] = _terms(
            getattr(published, f"{player}_terms"), spec[f"{player}_terms"]
        )
        if spec[f"{player}_transform"] is not None:
            name = spec[f"{player}_transform"]
            changes[f"{player}_transform"] = choose("transform", name, TRANSFORMS)()
    for player in ("g", "d", "e"):
        name = f"{player}_optimizer"
        updates = _updates_per_step(player, published._replace(**changes))
        tx = build_optimizer(name, spec[name], config.train.batch_size, updates)
        if tx is not None:
            changes[f"{player}_tx"] = tx
    if spec.augment:
        changes["augment"] = _augmentation(spec.augment)
    if (ema := _ema(spec.ema)) is not None:
        changes["g_ema"] = ema
    return published._replace(**changes)


def _augmentation(spec: ConfigDict) -> Augmentation:
    options = spec.to_dict()
    if "name" not in options:
        raise UserError(f"recipe.augment needs 'name'; has {sorted(options)}")
    factory = choose("augmentation", options.pop("name"), AUGMENTATIONS)
    made: Augmentation = _make("recipe.augment", factory, options)
    return made


def _prior(spec: ConfigDict, published: Recipe) -> priors.Prior:
    if spec.prior is None:
        raise UserError("recipe.latent_dim and recipe.truncation need recipe.prior")
    if spec.truncation is not None and spec.prior != "normal":
        raise UserError(
            f"recipe.truncation is of normal latents; recipe.prior is {spec.prior!r}"
        )
    dim = spec.latent_dim
    if dim is None:
        (dim,) = jax.eval_shape(published.prior, jax.random.key(0)).shape
    if dim < 1:
        raise UserError(f"recipe.latent_dim must be positive, got {dim}")
    if spec.truncation is None:
        return choose("prior", spec.prior, PRIORS)(dim)
    if spec.truncation <= 0:
        raise UserError(f"recipe.truncation must be positive, got {spec.truncation}")
    return priors.truncated_normal(dim, spec.truncation)


def _ema(spec: ConfigDict) -> Ema | None:
    if spec.half_life is None:
        if spec.start or spec.ramp is not None:
            raise UserError("recipe.ema.start and .ramp need recipe.ema.half_life")
        return None
    if spec.half_life <= 0:
        raise UserError(f"recipe.ema.half_life must be positive, got {spec.half_life}")
    return Ema(spec.half_life, spec.start, spec.ramp)


def _updates_per_step(player: str, recipe: Recipe) -> float:
    """Optimizer updates of a player per step: its repeats, and its lazy phases' share."""
    terms = recipe.d_terms if player == "d" else recipe.g_terms
    once = weighted(f"{player}_terms", terms).values()
    lazy = sum(1.0 / term.every for term in once if term.every > 1)
    return (recipe.d_steps if player == "d" else 1) + lazy


def _terms(published: Terms, spec: ConfigDict) -> Terms:
    changed = {name: _term(name, entry) for name, entry in spec.items()}
    kept = {name: term for name, term in changed.items() if term.weight != 0.0}
    return {name: term for name, term in published.items() if name not in changed} | kept


def _term(name: str, entry: Any) -> Weighted:
    options = dict(entry) if isinstance(entry, Mapping | ConfigDict) else {}
    if "penalty" not in options or "weight" not in options:
        raise UserError(
            f"term {name!r} needs 'penalty' and 'weight'; has {sorted(options)}"
        )
    factory = choose("penalty", options.pop("penalty"), PENALTIES)
    weight, every = _weight(name, options), int(options.pop("every", 1))
    if every < 1:
        raise UserError(f"term {name!r}: 'every' must be at least 1, got {every}")
    return Weighted(weight, _make(f"term {name!r}", factory, options), every)


def _weight(name: str, options: dict[str, Any]) -> Any:
    """A term's weight, or a half cosine of images seen to another one."""
    weight, end = float(options.pop("weight")), options.pop("final_weight", None)
    until = options.pop("weight_until", None)
    if (end is None) != (until is None):
        raise UserError(f"term {name!r}: set final_weight and weight_until together")
    if end is None:
        return weight
    if weight <= 0.0 or until <= 0:
        raise UserError(
            f"term {name!r}: weight and weight_until must be positive for a final_weight"
        )
    return decaying("cosine", weight, float(end), 0.0, float(until))


def make_rules(config: ConfigDict) -> tuple[Rule, ...]:
    """The guard rules that a config lists.

    Raises:
        UserError: a rule or an option of one is unknown, or out of range.
    """
    choose(
        "guard action", config.guards.action, dict.fromkeys(("report", "stop", "rollback"))
    )
    return tuple(
        _make(f"guard rule {name!r}", choose("guard rule", name, RULES), options.to_dict())
        for name, options in config.guards.rules.items()
    )


def _make(what: str, factory: Callable[..., Any], options: Mapping[str, Any]) -> Any:
    """Calls a factory with options from a config."""
    known = inspect.signature(factory).parameters
    for option in options:
        if option not in known:
            raise UserError(f"{what} has no option {option!r}{nearest(option, known)}")
    try:
        return factory(**options)
    except (ValueError, TypeError) as error:
        raise UserError(f"{what}: {_one_line(error)}") from error


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())
