"""Names that configs use, and what they stand for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import jax.numpy as jnp
import optax

from gan_jax import augment, losses, penalties, priors, transforms
from gan_jax.methods import (
    augmented,
    conditioning,
    information,
    regularisers,
    style_objectives,
)
from gan_jax.methods.recipe import Augmentation
from gan_jax.methods.terms import Term
from gan_jax.metrics.content import CONTENT
from gan_jax.networks.text import CellFactory, gru, lstm
from gan_jax.nn.initializers import Initializer, normal, orthogonal
from gan_jax.nn.minibatch import (
    MinibatchDiscrimination,
    MinibatchFactory,
    MinibatchStddev,
)
from gan_jax.nn.norm import BatchNorm, InstanceNorm, LayerNorm, NormFactory
from gan_jax.types import AdversarialLoss, ParamTransform, Penalty

LOSSES: Mapping[str, AdversarialLoss] = {
    "minimax": losses.minimax,
    "non_saturating": losses.non_saturating,
    "hinge": losses.hinge,
    "least_squares": losses.least_squares,
    "wasserstein": losses.wasserstein,
    "zero": losses.zero,
    "one_sided_smoothing": losses.label_smoothing(),
    "two_sided_smoothing": losses.label_smoothing(fake=0.1),
    "rsgan": losses.relativistic(losses.non_saturating, average=False),
    "rasgan": losses.relativistic(losses.non_saturating),
    "swapped": losses.swapped(losses.non_saturating),
    "swapped_least_squares": losses.swapped(losses.least_squares),
    "joint_hinge": losses.joint_hinge,
    "one_sided": losses.one_sided(losses.non_saturating),
    "ralsgan": losses.relativistic(losses.least_squares),
    "rahinge": losses.relativistic(losses.hinge),
    **{f"f_{name}": losses.f_divergence(name) for name in losses.F_DIVERGENCES},
}
PRIORS = {
    "normal": priors.normal,
    "uniform": priors.uniform,
    "hypersphere": priors.hypersphere,
    "censored_normal": priors.censored_normal,
    "bernoulli": priors.bernoulli,
}
TRANSFORMS: Mapping[str, Callable[[], ParamTransform]] = {
    "none": transforms.identity,
    "spectral_norm": transforms.spectral_norm,
    "equalized_lr": transforms.equalized_lr,
    "weight_norm": transforms.weight_norm,
}
NORMS: dict[str, NormFactory | None] = {
    "none": None,
    "batch": BatchNorm,
    "layer": LayerNorm,
    "instance": InstanceNorm,
}
DTYPES: dict[str, Any] = {"float32": jnp.float32, "bfloat16": jnp.bfloat16}
CONDITIONINGS: dict[str, conditioning.Conditioning] = {
    "norm": conditioning.BY_NORM,
    "embedded": conditioning.EMBEDDED,
    "input": conditioning.INPUT,
    "hidden": conditioning.HIDDEN,
    "auxiliary": conditioning.AUXILIARY,
    "twin": conditioning.TWIN,
    "by_origin": conditioning.BY_ORIGIN,
    "proxies": conditioning.PROXIES,
    "only_classes": conditioning.ONLY_CLASSES,
}
MINIBATCH: dict[str, MinibatchFactory | None] = {
    "none": None,
    "discrimination": MinibatchDiscrimination,
    "stddev": MinibatchStddev,
}
INITIALIZERS: dict[str, Initializer] = {
    "orthogonal": orthogonal(),
    "normal": normal(0.02),
}
CELLS: dict[str, CellFactory] = {"lstm": lstm, "gru": gru}
NAMED_OPTIONS: dict[str, Mapping[str, Any]] = {
    "cell": CELLS,
    "conditioning": CONDITIONINGS,
    "content": CONTENT,
    "d_norm": NORMS,
    "dtype": DTYPES,
    "kernel_init": INITIALIZERS,
    "minibatch": MINIBATCH,
    "norm": NORMS,
}
"""Options of networks whose values have names in a config."""


def _consistency(
    policies: tuple[str, ...] = ("translation",), balanced: bool = True
) -> Penalty:
    """bCR, or CR (of real examples alone), under DiffAugment's policies."""
    change = augment.diffaugment(*policies)
    if balanced:
        return penalties.balanced_consistency(change)
    return penalties.consistency(change)


def _acgan(on_fakes: bool = True) -> Term:
    return regularisers.class_term(losses.acgan(on_fakes=on_fakes))


def _tac() -> Term:
    return regularisers.class_term(losses.tac())


def _adc() -> Term:
    return regularisers.class_term(losses.adc())


def _two_c(temperature: float = 1.0) -> Term:
    return regularisers.class_term(losses.two_c(temperature=temperature))


def _d2d_ce(temperature: float = 0.5, margin: float = 0.98) -> Term:
    return regularisers.class_term(losses.d2d_ce(temperature=temperature, margin=margin))


def _multi_hinge() -> Term:
    return regularisers.class_term(losses.multi_hinge())


PENALTIES: Mapping[str, Callable[..., Any]] = {
    "gradient_penalty": penalties.gradient_penalty,
    "finite_difference_penalty": penalties.finite_difference_penalty,
    "max_gradient_penalty": penalties.max_gradient_penalty,
    "r1": penalties.r1,
    "r2": penalties.r2,
    "dragan": penalties.dragan,
    "drift": penalties.drift,
    "orthogonal": penalties.orthogonal,
    "weight_decay": penalties.weight_decay,
    "consensus": regularisers.consensus,
    "consistency": _consistency,
    "latent_consistency": regularisers.latent_consistency,
    "acgan": _acgan,
    "tac": _tac,
    "adc": _adc,
    "two_c": _two_c,
    "d2d_ce": _d2d_ce,
    "multi_hinge": _multi_hinge,
    "supervised": regularisers.supervised,
    "categorical_information": information.categorical_information,
    "continuous_information": information.continuous_information,
    "feature_matching": regularisers.feature_matching,
    "historical_averaging": regularisers.historical_averaging,
    "lecam": regularisers.lecam,
    "path_length": style_objectives.path_length,
}


def _diffaugment(
    policies: tuple[str, ...] = ("color", "translation", "cutout"),
) -> Augmentation:
    return augmented.both_sides(augment.diffaugment(*policies))


def _ada(
    pipe: str = "bgc", target: float = 0.6, interval: int = 4, kimg: float = 500.0
) -> Augmentation:
    control = augment.controller(target=target, interval=interval, kimg=kimg)
    return augmented.adaptive(augment.ada(pipe), control)


def _apa(target: float = 0.6, interval: int = 4, kimg: float = 500.0) -> Augmentation:
    return augmented.pseudo(augment.controller(target=target, interval=interval, kimg=kimg))


def _instance_noise(sigma: float, until: int) -> Augmentation:
    """Noise of deviation `sigma` at first, falling to 0 at `until` images seen."""
    return augmented.noisy(optax.linear_schedule(sigma, 0.0, until))


AUGMENTATIONS: Mapping[str, Callable[..., Augmentation]] = {
    "diffaugment": _diffaugment,
    "ada": _ada,
    "apa": _apa,
    "instance_noise": _instance_noise,
}
