"""Regularisers that need more of a round than its critic, as terms of a two-player game."""

from __future__ import annotations

import jax.numpy as jnp

from gan_jax import losses, penalties
from gan_jax.losses import ClassLoss
from gan_jax.methods.terms import Remembering, Round, Term
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


def latent_consistency(*, noise_scale: float = 0.05) -> tuple[Term, Term]:
    """Both sides of latent consistency, zCR (2002.04724); see
    `penalties.latent_consistency`.

    Returns:
        `(discriminator, generator)`, for `d_terms` and `g_terms`.
    """
    sides: LatentConsistency = penalties.latent_consistency(noise_scale=noise_scale)
    return (
        Term(lambda turn: sides.discriminator(
            turn.critic, turn.generate, turn.latents, turn.keys
        )),
        Term(lambda turn: sides.generator(turn.generate, turn.latents, turn.keys)),
    )  # fmt: skip


def consensus() -> Term:
    """Consensus optimisation (1705.10461), for both players with the same weight.

    1/2 ||v||^2 of the joint gradient field of both adversarial losses, in the parameters
    that the networks see, on the examples of the round.
    """

    def term(turn: Round) -> Scalar:
        return penalties.consensus(turn.losses)(turn.players)

    return Term(term)


def class_terms(loss: ClassLoss) -> tuple[Term, Term]:
    """A class loss on the heads of a discriminator that returns `Outputs`.

    Args:
        loss: such as `losses.acgan()`, for heads that it names.

    Returns:
        `(discriminator, generator)`, for `d_terms` and `g_terms` of a conditional game.
    """

    def discriminator(turn: Round) -> Scalar:
        real, fake = _heads(turn.real_outputs), _heads(turn.fake_outputs)
        labels = _labels(turn)
        return loss.discriminator(real, fake, labels, labels)

    def generator(turn: Round) -> Scalar:
        return loss.generator(_heads(turn.fake_outputs), _labels(turn))

    return Term(discriminator, labels=True), Term(generator, labels=True)


def feature_matching() -> Term:
    """||E f(x) - E f(G(z))||^2 on the features of a discriminator that returns `Outputs`
    (1606.03498, section 3.1), for `g_terms`.
    """
    return Term(
        lambda turn: losses.feature_matching(
            _features(turn.real_outputs), _features(turn.fake_outputs)
        )
    )


def _labels(turn: Round) -> Array:
    if turn.labels is None:
        raise ValueError("a class loss needs a conditional game: set num_classes")
    return turn.labels


def _heads(outputs: Array | Outputs) -> PyTree:
    if not isinstance(outputs, Outputs) or outputs.classes is None:
        raise ValueError(
            "a class loss needs a discriminator whose head returns classes, such as "
            "networks.heads.auxiliary()"
        )
    return outputs.classes


def _features(outputs: Array | Outputs) -> PyTree:
    if not isinstance(outputs, Outputs) or outputs.features is None:
        raise ValueError(
            "feature matching needs a discriminator whose head returns features: wrap it "
            "in networks.heads.featured"
        )
    return outputs.features
