"""Regularisers that need more of a round than its critic, as terms of a two-player game."""

from __future__ import annotations

import jax.numpy as jnp

from gan_jax import losses, penalties
from gan_jax.losses import ClassLoss
from gan_jax.methods.sides import DISCRIMINATOR
from gan_jax.methods.terms import Remembering, Round, Term
from gan_jax.numerics import to_unit
from gan_jax.penalties import HistoricalAverage, LatentConsistency, LeCamAverages
from gan_jax.types import Array, Outputs, Params, PyTree, Scalar


def lecam(
    *, decay: float = 0.99, start: int = 1000, rectified: bool = False
) -> Remembering:
    """LeCam regularisation of the discriminator (2104.03310); see `penalties.lecam`."""
    regularise = penalties.lecam(decay=decay, start=start, rectified=rectified)

    def init(params: Params) -> LeCamAverages:
        del params
        return penalties.lecam_averages()

    def term(turn: Round, averages: PyTree) -> tuple[Scalar, PyTree]:
        return regularise(turn.real_logits, turn.fake_logits, averages)

    return Remembering(init, term)


def historical_averaging() -> Remembering:
    """||theta - mean of past theta||^2 of the player that moves (1606.03498, 3.3)."""

    def term(turn: Round, average: HistoricalAverage) -> tuple[Scalar, PyTree]:
        return penalties.historical_averaging(turn.params, average)

    return Remembering(penalties.historical_average, term)


def path_length(*, decay: float = 0.01) -> Remembering:
    """Path length regularisation of the generator in its latents (1912.04958, eq. 4); see
    `penalties.path_length`.
    """
    regularise = penalties.path_length(decay=decay)

    def init(params: Params) -> Array:
        del params
        return jnp.zeros((), jnp.float32)

    def term(turn: Round, mean: Array) -> tuple[Scalar, Array]:
        return regularise(turn.generate, turn.latents, turn.keys, mean)

    return Remembering(init, term)


def latent_consistency(*, noise_scale: float = 0.05) -> Term:
    """Latent consistency, zCR (2002.04724), for `d_terms` and `g_terms`; see
    `penalties.latent_consistency`.
    """
    sides: LatentConsistency = penalties.latent_consistency(noise_scale=noise_scale)

    def term(turn: Round) -> Scalar:
        if turn.mover == DISCRIMINATOR:
            return sides.discriminator(turn.critic, turn.generate, turn.latents, turn.keys)
        return sides.generator(turn.generate, turn.latents, turn.keys)

    return Term(term)


def consensus() -> Term:
    """Consensus optimisation (1705.10461), for both players with the same weight.

    1/2 ||v||^2 of the joint gradient field of both adversarial losses, in the parameters
    that the networks see, on the examples of the round.
    """

    def term(turn: Round) -> Scalar:
        return penalties.consensus(turn.losses)(turn.players)

    return Term(term)


def class_term(loss: ClassLoss) -> Term:
    """A class loss on the heads of a discriminator that returns `Outputs`, for `d_terms`
    and `g_terms` of a conditional game.

    Args:
        loss: such as `losses.acgan()`, for heads that it names.
    """

    def term(turn: Round) -> Scalar:
        assert turn.labels is not None
        fake = _heads(turn.fake_outputs)
        if turn.mover == DISCRIMINATOR:
            real = _heads(turn.real_outputs)
            return loss.discriminator(real, fake, turn.labels, turn.labels)
        return loss.generator(fake, turn.labels)

    def refuses(outputs: Array | Outputs, num_classes: int | None) -> str:
        heads = _heads(outputs)
        if heads is not None and (num_classes is None or loss.takes(heads, num_classes)):
            return ""
        return (
            "is a class loss of other heads than the discriminator has: choose the "
            "conditioning whose head it names"
        )

    return Term(term, labels=True, refuses=refuses)


def supervised() -> Term:
    """Cross entropy of the labelled examples of the round, `batch["labelled"]`, under
    `networks.heads.class_logits()`: the supervised part of semi-supervised learning
    (1606.03498, section 5), for `d_terms`.
    """

    def term(turn: Round) -> Scalar:
        if "labelled" not in turn.batch:
            raise ValueError(
                "the term 'supervised' needs labelled examples beside the others: set "
                "data.labelled to their number"
            )
        known = turn.batch["labelled"]
        outputs = turn.judge(to_unit(known["image"]))
        return losses.supervised(_heads(outputs), known["label"])

    def refuses(outputs: Array | Outputs, num_classes: int | None) -> str:
        del num_classes
        heads = _heads(outputs)
        if getattr(heads, "ndim", None) == 2:
            return ""
        return "needs a discriminator whose head names classes"

    return Term(term, refuses=refuses)


def feature_matching() -> Term:
    """||E f(x) - E f(G(z))||^2 on the features of a discriminator that returns `Outputs`
    (1606.03498, section 3.1), for `g_terms`.
    """

    def term(turn: Round) -> Scalar:
        return losses.feature_matching(
            _features(turn.real_outputs), _features(turn.fake_outputs)
        )

    def refuses(outputs: Array | Outputs, num_classes: int | None) -> str:
        del num_classes
        if _features(outputs) is not None:
            return ""
        return (
            "needs a discriminator whose head returns features: wrap it in "
            "networks.heads.featured"
        )

    return Term(term, refuses=refuses)


def _heads(outputs: Array | Outputs) -> PyTree:
    return outputs.classes if isinstance(outputs, Outputs) else None


def _features(outputs: Array | Outputs) -> PyTree:
    return outputs.features if isinstance(outputs, Outputs) else None
