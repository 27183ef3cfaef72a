"""Terms of a two-player loss: what they see, and how they are weighed and evaluated."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import jax.numpy as jnp
from jax.typing import ArrayLike

from gan_jax import prng
from gan_jax.numerics import mean32, sum_per_example
from gan_jax.types import (
    Array,
    Critic,
    Key,
    Outputs,
    ParamPenalty,
    Params,
    Penalty,
    PyTree,
    Scalar,
)


class Round(NamedTuple):
    """What a term of a two-player loss may use.

    Attributes:
        mover: name of the player that moves.
        real: real examples, pytree of (batch, ...), augmented where the game augments.
        fake: generated examples, of the same structure; differentiable in G's phase.
        real_logits: float32 (batch,).
        fake_logits: float32 (batch,).
        critic: the discriminator with labels and mode closed over, `(inputs) -> logits`.
        params: parameters of the net that moves, before any transform.
        keys: one key per example, a stream of this term's own.
        labels: int32 (batch,), or None in an unconditional game.
        latents: what `fake` was generated from, (batch, ...).
        drawn: the latents as drawn, before any optimisation of them.
        real_outputs: all that the discriminator returned for `real`.
        fake_outputs: the same for `fake`.
        judge: as `critic`, with all that the discriminator returns.
        generate: the generator with labels and mode closed over, `(latents) -> examples`.
        images_seen: float32 (), for schedules.
        players: what the nets see of their parameters, `{net: params}`.
        losses: `(players) -> {net: scalar}`, its owner's adversarial loss on these
            examples.
    """

    mover: str
    real: PyTree
    fake: PyTree
    real_logits: Array
    fake_logits: Array
    critic: Critic
    params: Params
    keys: Key
    batch: PyTree
    labels: Array | None
    latents: Array
    drawn: Array
    real_outputs: Array | Outputs
    fake_outputs: Array | Outputs
    judge: Callable[[PyTree], Array | Outputs]
    generate: Callable[[Array], PyTree]
    images_seen: Scalar
    players: Mapping[str, Params]
    losses: Callable[[Mapping[str, Params]], Mapping[str, Scalar]]


def _takes_anything(outputs: Array | Outputs, num_classes: int | None) -> str:
    del outputs, num_classes
    return ""


class Term(NamedTuple):
    """A term that needs more than a critic or parameters.

    Attributes:
        fn: `(round) -> scalar`.
        labels: whether it needs labels, and so a conditional game.
        refuses: `(outputs, num_classes) -> why`, "" where the term can be had from what the
            discriminator returns, of which only structure and shapes are known;
            `num_classes` is None where that is not known.
    """

    fn: Callable[[Round], Scalar]
    labels: bool = False
    refuses: Callable[[Array | Outputs, int | None], str] = _takes_anything


class Remembering(NamedTuple):
    """A term with a memory of its own, which the game's state carries.

    Attributes:
        init: `(params) -> memory`, from the parameters of the net that moves; of these only
            shapes and types are known.
        fn: `(round, memory) -> (scalar, new memory)`.
    """

    init: Callable[[Params], PyTree]
    fn: Callable[[Round, PyTree], tuple[Scalar, PyTree]]


AnyTerm = Penalty | ParamPenalty | Term | Remembering


def latent_movement() -> Term:
    """LOGAN's regulariser of its step on latents, E[||z' - z||^2] (1912.00953)."""

    def movement(turn: Round) -> Scalar:
        return mean32(sum_per_example(jnp.square(turn.latents - turn.drawn)))

    return Term(movement)


class Weighted(NamedTuple):
    """A term of a player's loss; a plain pair `(weight, term)` means the same.

    Attributes:
        weight: factor of the term, or `(images seen) -> factor`.
        term: a critic penalty `(critic, real, fake, key)`, a `ParamPenalty`, a `Term`, or a
            `Remembering` term.
        every: above 1, the term has a phase of its own that runs every so many steps with
            its loss multiplied by `every` (lazy regularisation).
    """

    weight: float | Callable[[Scalar], ArrayLike]
    term: AnyTerm
    every: int = 1


Terms = Mapping[str, Weighted | tuple[Any, ...]]
NO_TERMS: Terms = MappingProxyType({})


def weighted(where: str, terms: Terms) -> dict[str, Weighted]:
    """The terms in one form.

    Args:
        where: what the terms are called in errors.
        terms: `{name: (weight, term) or Weighted}`.

    Raises:
        ValueError: a term is not a weight and a callable.
    """
    result = {}
    for name, term in terms.items():
        one = term if isinstance(term, Weighted) else Weighted(*term)
        if not callable(one.term) and not isinstance(one.term, Term | Remembering):
            raise ValueError(
                f"{where}[{name!r}] must be (weight, term) with a callable term, "
                f"got {term!r}"
            )
        result[name] = one
    return result


def evaluate(
    terms: Mapping[str, Weighted], turn: Round, memory: Mapping[str, PyTree]
) -> tuple[Scalar, dict[str, Scalar], dict[str, PyTree]]:
    """The weighted sum of terms.

    Args:
        terms: by name.
        turn: what they see.
        memory: of the terms that have one, by name.

    Returns:
        The sum, float32; the value of each; the new memory of those that have one.
    """
    total, values, kept = jnp.zeros((), jnp.float32), {}, {}
    for name, one in terms.items():
        own = turn._replace(keys=prng.stream(turn.keys, name))
        match one.term:
            case Term(fn, _, refuses):
                if why := refuses(own.fake_outputs, None):
                    raise ValueError(f"term {name!r} {why}")
                value = fn(own)
            case Remembering(_, fn):
                value, kept[name] = fn(own, memory[name])
            case ParamPenalty(fn):
                value = fn(own.params)
            case _:
                value = one.term(own.critic, own.real, own.fake, own.keys)
        weight = one.weight(turn.images_seen) if callable(one.weight) else one.weight
        total = total + weight * value
        values[name] = value
    return total, values, kept
