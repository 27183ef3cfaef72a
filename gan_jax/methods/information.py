"""Information that generated examples carry about codes, as terms of a two-player game."""

from __future__ import annotations

from collections.abc import Callable

import jax.numpy as jnp

from gan_jax import losses
from gan_jax.losses import CodeHeads
from gan_jax.methods.terms import Round, Term
from gan_jax.priors import Prior, categorical, concatenate, uniform
from gan_jax.types import Array, Outputs, Scalar


def _heads(outputs: Array | Outputs) -> CodeHeads | None:
    heads = outputs.classes if isinstance(outputs, Outputs) else None
    return heads if isinstance(heads, CodeHeads) else None


def _refuses(
    has: Callable[[CodeHeads], bool],
) -> Callable[[Array | Outputs, int | None], str]:
    def refuses(outputs: Array | Outputs, num_classes: int | None) -> str:
        del num_classes
        heads = _heads(outputs)
        if heads is not None and has(heads):
            return ""
        return "needs a discriminator that reads such codes (method 'infogan')"

    return refuses


def categorical_information() -> Term:
    """E[-log Q(c | G(z, c))] of the categorical codes (1606.03657, eq. 5), for `d_terms`
    and `g_terms`: what the discriminator's player makes smaller, Q being its head, and the
    generator too.
    """

    def term(turn: Round) -> Scalar:
        heads = _heads(turn.fake_outputs)
        assert heads is not None
        total = jnp.zeros((), jnp.float32)
        sizes = [logits.shape[-1] for logits in heads.categorical]
        after = 0 if heads.mean is None else heads.mean.shape[-1]
        start = turn.drawn.shape[-1] - after - sum(sizes)
        for logits, size in zip(heads.categorical, sizes, strict=True):
            code = jnp.argmax(turn.drawn[:, start : start + size], axis=-1)
            total = total + losses.categorical_code_loss(logits, code)
            start += size
        return total

    return Term(term, refuses=_refuses(lambda heads: bool(heads.categorical)))


def continuous_information() -> Term:
    """E[-log Q(c | G(z, c))] of the continuous codes under a Gaussian of deviation 1 around
    what Q gives (1606.03657, eq. 5), for `d_terms` and `g_terms`.
    """

    def term(turn: Round) -> Scalar:
        heads = _heads(turn.fake_outputs)
        assert heads is not None
        assert heads.mean is not None
        code = turn.drawn[:, -heads.mean.shape[-1] :]
        return losses.gaussian_code_loss(heads.mean, code)

    return Term(term, refuses=_refuses(lambda heads: heads.mean is not None))


def code_prior(noise: Prior, categories: tuple[int, ...], continuous: int) -> Prior:
    """Latents of an InfoGAN: noise, then the categorical codes as one-hot vectors, then
    continuous ones from [-1, 1].

    Args:
        noise: the incompressible part.
        categories: values of each categorical code.
        continuous: number of continuous codes.

    Raises:
        ValueError: there is no code, or one with a single value.
    """
    if not categories and continuous < 1:
        raise ValueError("infogan needs a code: set categories or continuous")
    if any(values < 2 for values in categories) or continuous < 0:
        raise ValueError(
            f"categorical codes need two values or more, and continuous counts codes; got "
            f"categories {categories} and continuous {continuous}"
        )
    ends = [categorical(values) for values in categories]
    return concatenate(noise, *ends, *([uniform(continuous)] if continuous else []))
