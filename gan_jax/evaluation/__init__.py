"""Evaluation of states: what is measured, the numbers, and where they are kept."""

from gan_jax.evaluation.evaluator import (
    Evaluator,
    evaluate,
    evaluator_of,
    make_evaluator,
)
from gan_jax.evaluation.examples import NotFiniteError
from gan_jax.evaluation.recorded import evaluate_and_record
from gan_jax.evaluation.records import Entry, read, truncate_after
from gan_jax.evaluation.spec import Spec, spec_of

__all__ = [
    "Entry",
    "Evaluator",
    "NotFiniteError",
    "Spec",
    "evaluate",
    "evaluate_and_record",
    "evaluator_of",
    "make_evaluator",
    "read",
    "spec_of",
    "truncate_after",
]
