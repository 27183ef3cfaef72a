"""Losses: functions of logits, features and samples that know nothing of networks."""

from gan_jax.losses.adversarial import (
    hinge,
    least_squares,
    minimax,
    non_saturating,
    wasserstein,
    zero,
)
from gan_jax.losses.auxiliary import (
    ClassLoss,
    Embedded,
    TwinHeads,
    acgan,
    adc,
    d2d_ce,
    multi_hinge,
    tac,
    two_c,
)
from gan_jax.losses.f_divergence import F_DIVERGENCES, FDivergence, f_divergence
from gan_jax.losses.information import (
    CodeHeads,
    categorical_code_loss,
    categorical_entropy,
    gaussian_code_loss,
    information_bound,
    uniform_entropy,
)
from gan_jax.losses.joint import joint_hinge, one_sided, per_domain, swapped
from gan_jax.losses.matching import feature_matching
from gan_jax.losses.moments import (
    gaussian_kernel,
    mmd,
    polynomial_kernel,
    rational_quadratic_kernel,
)
from gan_jax.losses.policy_gradient import batch_baseline, policy_gradient, reward_to_go
from gan_jax.losses.reconstruction import (
    cycle_consistency,
    feature_distance,
    gaussian_kl,
    identity_mapping,
    l1,
    l2,
)
from gan_jax.losses.relativistic import relativistic
from gan_jax.losses.semi_supervised import class_evidence, supervised, unsupervised
from gan_jax.losses.smoothing import label_smoothing

__all__ = [
    "F_DIVERGENCES",
    "ClassLoss",
    "CodeHeads",
    "Embedded",
    "FDivergence",
    "TwinHeads",
    "acgan",
    "adc",
    "batch_baseline",
    "categorical_code_loss",
    "categorical_entropy",
    "class_evidence",
    "cycle_consistency",
    "d2d_ce",
    "f_divergence",
    "feature_distance",
    "feature_matching",
    "gaussian_code_loss",
    "gaussian_kernel",
    "gaussian_kl",
    "hinge",
    "identity_mapping",
    "information_bound",
    "joint_hinge",
    "l1",
    "l2",
    "label_smoothing",
    "least_squares",
    "minimax",
    "mmd",
    "multi_hinge",
    "non_saturating",
    "one_sided",
    "per_domain",
    "policy_gradient",
    "polynomial_kernel",
    "rational_quadratic_kernel",
    "relativistic",
    "reward_to_go",
    "supervised",
    "swapped",
    "tac",
    "two_c",
    "uniform_entropy",
    "unsupervised",
    "wasserstein",
    "zero",
]
