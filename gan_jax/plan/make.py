"""The plan of a config for several topologies."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from functools import partial

from ml_collections import ConfigDict

from gan_jax import registry
from gan_jax.errors import UserError
from gan_jax.plan.advise import Trial, advise, fits
from gan_jax.plan.compiled import compile_for
from gan_jax.plan.program import count_stages
from gan_jax.plan.report import Json, entry, summary
from gan_jax.plan.topology import open_topology, parse, prepare

_LOG = logging.getLogger(__name__)


def make_plan(
    config: ConfigDict,
    topologies: Sequence[str],
    *,
    advice: bool = True,
    thorough: bool = False,
    every_stage: bool = False,
) -> Json:
    """Compiles the training step of a config for each topology, and tells what it costs.

    To be called before any use of a device.

    Args:
        config: from `default_config`, changed.
        topologies: names, as of `gan_jax.plan.topology`.
        advice: whether to look for changes where the config does not fit.
        thorough: whether to compile as thoroughly as a run does; see `compile_for`.
        every_stage: whether to compile every stage of a config that has several, and not
            the last alone.

    Returns:
        A JSON value; `text` and `page` show it.

    Raises:
        UserError: the config is wrong, a topology unknown, or the batch does not divide.
    """
    if not topologies:
        raise UserError("--topology is missing")
    registry.check_numbers(config)
    names = [parse(text) for text in topologies]
    prepare(names)
    compile_ = partial(compile_for, thorough=thorough)
    entries = []
    for name in names:
        topology = open_topology(name)
        _LOG.info("compiling for %s", name.text)
        result = compile_(config, topology)
        trials: tuple[Trial, ...] = ()
        if advice and not fits(result):
            _LOG.info("%s: it does not fit; looking for what does", name.text)
            trials = advise(config, topology, result, compile_)
        earlier = range(count_stages(config) - 1) if every_stage else ()
        others = [compile_(config, topology, stage) for stage in earlier]
        entries.append(entry(topology, result, trials, others))
    return summary(config, entries)
