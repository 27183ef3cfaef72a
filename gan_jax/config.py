"""The fields of a run's configuration, with defaults; a config file changes some of them.

A config file defines `get_config(variant="") -> ConfigDict`, starting from
`default_config()`. Every config has the variant "smoke": the same run, shrunk to a minute.
`None` in a recipe means "as the method publishes it".
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterator, Mapping
from typing import Any

from ml_collections import ConfigDict
from ml_collections.config_dict import placeholder

from gan_jax.errors import UserError

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
    "data.max_corrupt",
)
"""Config fields that may change when a run goes on: they do not change what is computed,
but for the devices, whose number changes the order of sums."""


def _optimizer() -> ConfigDict:
    return ConfigDict(
        {
            "name": placeholder(str),  # adam, rmsprop, sgd; None: the method's own
            "learning_rate": 2e-4,
            "b1": 0.5,
            "b2": 0.999,
            "eps": 1e-8,
            "momentum": 0.0,  # sgd and rmsprop
            "decay": "linear",  # or cosine
            "decay_from": placeholder(float),  # images seen at which the decay begins
            "decay_to": placeholder(float),  # images seen at which it ends
            "final_rate": 0.0,
            "final_b2": placeholder(float),  # adam's, moving as the rate does
            "box": placeholder(float),  # weight clipping to [-box, box]
        }
    )


def _recipe() -> ConfigDict:
    return ConfigDict(
        {
            "loss": placeholder(str),  # a name in gan_jax.losses
            "prior": placeholder(str),  # normal, uniform
            "latent_dim": placeholder(int),
            "truncation": placeholder(float),  # normal latents beyond it are drawn again
            "g_optimizer": _optimizer(),
            "d_optimizer": _optimizer(),
            "e_optimizer": _optimizer(),  # of an encoder; None: the generator's
            "g_transform": placeholder(
                str
            ),  # spectral_norm, equalized_lr, weight_norm, none
            "d_transform": placeholder(str),
            # {name: {penalty, weight, every, **options}}, added to the method's own terms
            # or put in the place of one of the same name; weight 0 drops it.
            "d_terms": ConfigDict(),
            "g_terms": ConfigDict(),
            "d_steps": placeholder(int),
            "joint_forward": placeholder(bool),
            "fakes_per_real": placeholder(int),
            # {name: diffaugment, ada, apa or instance_noise, **options}
            "augment": ConfigDict(),
            "ema": {
                "half_life": placeholder(float),  # images; None: no average
                "start": 0.0,  # images
                "ramp": placeholder(float),
            },
        }
    )


def default_config() -> ConfigDict:
    """All fields of a run, locked."""
    config = ConfigDict(
        {
            "seed": 0,
            "method": "dcgan",  # a name in gan_jax.methods.METHODS
            "model": ConfigDict(),  # keyword arguments of the method's networks
            "recipe": _recipe(),
            # Earlier stages: ({"until": step, "recipe field": value, ...}, ...), also with
            # "model": {option: value}, and "restart": True for an Adam that begins anew
            # when the stage has ended.
            "stages": (),
            "data": {
                "source": "builtin:mnist",
                "data_dir": placeholder(str),
                "image_shape": placeholder(tuple),  # None: as the source's
                "num_classes": placeholder(int),  # None: unconditional
                # Examples whose labels are seen, as many of each class, in a stream
                # beside that of all; None: no such stream.
                "labelled": placeholder(int),
                # The other domain of methods on two without pairs, as `source`.
                "second": placeholder(str),
                "resize": "cover",  # cover, contain, stretch, none
                "crop": "center",  # center, random
                "margin": 0,  # pixels to scale images beyond image_shape for random crops
                "flip": False,
                "fill": 0,  # value 0..255 of what resize "contain" pads
                "mix_channels": False,  # grey, RGB and alpha may be mixed
                "workers": 0,
                "prefetch": 2,
                "max_corrupt": 0,  # unreadable images to step over
            },
            "train": {
                "steps": 10_000,
                "batch_size": 64,  # global, in images
                "microbatches": 1,
                "steps_per_dispatch": 1,
            },
            "parallel": {
                "mode": "jit",  # jit, shard_map, pmap
                "devices": placeholder(int),  # None: all
                "fsdp_min_size": placeholder(int),  # shard leaves of so many elements
            },
            "log": {
                "every": 100,  # steps
                "spectrum_every": 1_000,  # steps; 0: never
                "tensorboard": True,
                "wandb_project": placeholder(str),
            },
            "samples": {"every": 1_000, "count": 64, "columns": 8},
            "checkpoint": {"every": 1_000, "keep_last": 2, "keep_best": 1},
            "score": {
                "every": 0,  # steps; 0: never
                "samples": 10_000,
                "reference": 10_000,  # real examples; 0: all
                "measures": (),  # names in gan_jax.metrics.MEASURES; (): as suits the data
                "options": ConfigDict(),  # {measure: {option: value}}
                "features": placeholder(str),  # None: as suits the data
                "split": placeholder(str),  # of the reference; None: that of training
                "held_out": "test",  # split for measures of memorisation and likelihood
                "seed": 0,  # of the latents
                "labels": "in turn",  # or "as the data"
                "truncation": placeholder(float),
                "standing": placeholder(int),  # batches
                "average": True,  # of the generator, where there is one
                "best": placeholder(str),  # number for keep_best; None: the first
            },
            "guards": {
                "rules": ConfigDict({"non_finite": ConfigDict()}),
                "action": "stop",  # report, stop, rollback
                "max_rollbacks": 3,
            },
        }
    )
    return config.lock()


def flatten(config: ConfigDict | Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """`{"train.batch_size": 64, ...}` of a nested config."""
    return dict(_flat_items(config, prefix))


def _flat_items(config: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, Any]]:
    for name, value in config.items():
        path = f"{prefix}{name}"
        if isinstance(value, ConfigDict | Mapping) and value:
            yield from _flat_items(value, f"{path}.")
        else:
            yield path, value


def nearest(name: str, choices: Any) -> str:
    """What to append to an error: the closest of the choices, else the list of them."""
    choices = sorted(str(choice) for choice in choices)
    close = difflib.get_close_matches(name, choices, n=1, cutoff=0.5)
    if close:
        return f"; did you mean {close[0]!r}?"
    return f"; there are: {', '.join(choices)}" if choices else ""


def choose(kind: str, name: str, table: Mapping[str, Any]) -> Any:
    """The entry of a table of named values.

    Raises:
        UserError: there is none; names the nearest.
    """
    if name not in table:
        raise UserError(f"no {kind} is named {name!r}{nearest(name, table)}")
    return table[name]


def set_options(config: ConfigDict, **options: Any) -> None:
    """Sets the keyword arguments of the method's networks."""
    with config.unlocked():
        config.model = ConfigDict(options)


def set_terms(config: ConfigDict, player: str, **terms: Mapping[str, Any]) -> None:
    """Sets terms of a player's loss.

    Args:
        config: the config.
        player: "d" or "g".
        **terms: `NAME={"penalty": ..., "weight": ..., "every": ..., **options}`.
    """
    with config.unlocked():
        config.recipe[f"{player}_terms"] = ConfigDict(terms)


def set_augment(config: ConfigDict, name: str, **options: Any) -> None:
    """Sets `config.recipe.augment`, in place of what was there."""
    with config.unlocked():
        config.recipe.augment = ConfigDict({"name": name, **options})


def set_optimizer(config: ConfigDict, players: str, name: str, **numbers: float) -> None:
    """Sets the optimizer of "g", "d", "e" (an encoder's) or several ("gd")."""
    for player in players:
        spec = config.recipe[f"{player}_optimizer"]
        spec.name = name
        spec.update(numbers)


def set_falling(config: ConfigDict, players: str, name: str, **numbers: float) -> None:
    """Sets the optimizer of several players, as `set_optimizer`, with a rate that is
    constant for the first half of the config's run and falls to 0 over the second.
    """
    images = float(config.train.steps * config.train.batch_size)
    set_optimizer(
        config, players, name, decay_from=images / 2.0, decay_to=images, **numbers
    )


def set_ema(config: ConfigDict, decay: float, start: int = 0) -> None:
    """Sets the generator's average as most papers state it, by steps of the config's batch.

    Args:
        config: the config, with its batch size.
        decay: weight of the old average in each step.
        start: steps before which the average is the generator itself.
    """
    batch = config.train.batch_size
    config.recipe.ema.half_life = batch * math.log(0.5) / math.log(decay)
    config.recipe.ema.start = float(start * batch)


def set_guards(config: ConfigDict, action: str, **rules: Mapping[str, Any]) -> None:
    """Sets the guard rules, `NAME={option: value}`, and what follows from a verdict."""
    with config.unlocked():
        config.guards.rules = ConfigDict(rules)
    config.guards.action = action


def shrink(
    config: ConfigDict, *, source: str | None = None, steps: int = 10, batch_size: int = 16
) -> ConfigDict:
    """The same run in a minute on two cores: a few steps, a small batch, small scores where
    it has any.

    Args:
        config: changed in place and returned.
        source: a built-in source to take the place of data that must be fetched.
        steps: how many; a multiple of `train.steps_per_dispatch`.
        batch_size: images per batch.
    """
    if source is not None:
        config.data.source = source
    config.train.steps, config.train.batch_size = steps, batch_size
    config.log.every = config.log.spectrum_every = config.samples.every = steps
    config.checkpoint.every = steps
    if config.score.every:
        config.score.every = steps
    config.samples.count, config.samples.columns = 16, 4
    config.score.samples = config.score.reference = 64
    return config
