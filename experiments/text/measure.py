"""What is measured of generators of texts: likelihoods under the oracle, and of names."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from experiments.logs import read_lines, training_minutes
from experiments.text.ngrams import NGrams
from experiments.text.oracle import Oracle
from experiments.text.runs import PLANS
from gan_jax.data import open_source
from gan_jax.data.protocol import known_vocabulary
from gan_jax.game import Game
from gan_jax.methods.sides import DISCRIMINATOR, GENERATOR
from gan_jax.methods.texts import TextSample, asked
from gan_jax.sampler import Sampler, make_sampler, views_of
from gan_jax.state import GameState
from gan_jax.trained import Trained, open_run
from gan_jax.types import Array

SEQUENCES, NAMES = 8_000, 2_000
"""Texts that are measured, of either kind."""


class Curves(NamedTuple):
    """A run on the oracle's sequences, over training.

    Attributes:
        steps: of the checkpoints, int (k,).
        oracle: negative log likelihood of a token of generated sequences under the oracle,
            nats, (k,).
        test: of held-out sequences of the oracle under the generator, (k,).
        unlike: share of generated sequences that are unlike all others, (k,).
        minutes: that its steps took.
    """

    steps: np.ndarray
    oracle: np.ndarray
    test: np.ndarray
    unlike: np.ndarray
    minutes: float


class Names(NamedTuple):
    """What is said of names.

    Attributes:
        likelihood: mean log likelihood of a character under n-grams of training names.
        novel: share that is not among training names.
        unlike: share that is left when every name is counted once.
        found: share of held-out names that are among them.
        length: mean number of characters.
    """

    likelihood: float
    novel: float
    unlike: float
    found: float
    length: float


def distinct(rows: Sequence[object]) -> float:
    """Share that is left when what is equal is counted once."""
    return len(set(rows)) / len(rows)


def drawn(sampler: Sampler, state: GameState, count: int) -> np.ndarray:
    """Texts int32 (count, T), by the same draws for every state."""
    return sampler.draw(state, count, 0)[0]


def sampler_of(run: Trained, seed: int) -> Sampler:
    """What draws texts of a run's states."""
    return make_sampler(run.algorithm, jax.random.key(seed), lambda rows: None)


def log_probs(game: Game, state: GameState, tokens: Array) -> Array:
    """Of texts under the generator that samples are of: SeqGAN's average finishes texts and
    is not it.
    """
    assert isinstance(game.sample, TextSample), "a run of this study makes texts"
    views = views_of(game, state)
    net = views.averaged(GENERATOR) if game.sample.averaged else views[GENERATOR]
    return asked(net, "log_probs", tokens)


def measure_oracle(
    workdir: Path, seed: int, oracle: Oracle, held_out: np.ndarray
) -> Curves:
    """A finished run on the oracle's sequences, over training.

    Args:
        workdir: of the run.
        seed: of its draws.
        oracle: the truth.
        held_out: sequences of it, int32 (n, T).
    """
    run = open_run(workdir)
    sampler, score = sampler_of(run, seed), jax.jit(partial(log_probs, run.game))
    found = []
    steps = PLANS["oracle"].measured()
    for step in steps:
        state = open_run(workdir, step=step).state
        texts = drawn(sampler, state, SEQUENCES)
        terms = score(state, jnp.asarray(held_out))
        unlike = distinct([tuple(row) for row in texts.tolist()])
        found.append((oracle.nll(texts), -float(terms.mean()), unlike))
    columns = np.array(found).T
    minutes = training_minutes(read_lines(workdir / "metrics.jsonl"))
    return Curves(np.array(steps), *columns, minutes)


def insight(workdir: Path, seed: int, oracle: Oracle) -> float:
    """How well the discriminator that first gives rewards ranks the generator's sequences:
    Spearman's correlation of its logits and the oracle's likelihoods.

    Args:
        workdir: of a run of SeqGAN on the oracle's sequences.
        seed: of its draws.
        oracle: the truth.
    """
    from scipy.stats import spearmanr

    plan = PLANS["oracle"]
    run = open_run(workdir, step=plan.likelihood + plan.alone)
    texts = drawn(sampler_of(run, seed), run.state, SEQUENCES)
    judge = jax.jit(partial(run.view(DISCRIMINATOR), train=False))
    known = oracle.log_likelihoods(texts)
    return float(spearmanr(np.asarray(judge(jnp.asarray(texts))), known).statistic)


def describe_names(
    names: Sequence[str], known: set[str], held_out: Sequence[str], judge: NGrams
) -> Names:
    """What is said of names.

    Args:
        names: to look at.
        known: of training.
        held_out: others.
        judge: n-grams of training names.
    """
    made = set(names)
    return Names(
        judge.per_character(names),
        float(np.mean([name not in known for name in names])),
        distinct(names),
        float(np.mean([name in made for name in held_out])),
        float(np.mean([len(name) for name in names])),
    )


def names_of(split: str) -> list[str]:
    """Names of the census."""
    source = open_source(f"builtin:names_female:{split}")
    vocabulary = known_vocabulary(source)
    assert vocabulary is not None, "names are text"
    return vocabulary.decode(np.stack([source[i]["image"] for i in range(len(source))]))


def drawn_names(workdir: Path, seed: int) -> list[str]:
    """Names of a run at its end."""
    run = open_run(workdir)
    vocabulary = known_vocabulary(run.source())
    assert vocabulary is not None, "names are text"
    return vocabulary.decode(drawn(sampler_of(run, seed), run.state, NAMES))
