"""f-GAN: adversarial losses from variational bounds on f-divergences.

Nowozin, Cseke and Tomioka 2016 (arXiv 1606.00709). For densities p of the data and q of
the generator, D_f = E_q[f(p / q)] is at least E_p[T] - E_q[f*(T)] (equation 4), with
equality at T = f'(p / q). The critic's logit v is mapped into the domain of the conjugate
f* by an output activation, T = g(v) (section 2.4, tables 2 and 6).

Activations increase in v, as table 2 has them, so that a larger logit always means "more
real". Exponentials follow their tangents beyond e^40: in float32 they would overflow.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import NamedTuple

import jax
import jax.numpy as jnp

from gan_jax.losses.arithmetic import bounded_exp, f32
from gan_jax.numerics import mean32
from gan_jax.types import Array, MeanLoss, Scalar

_LOG_2 = math.log(2.0)
_sp = jax.nn.softplus


class FDivergence(NamedTuple):
    """The functions of one divergence, each from an array to an array of its shape.

    Attributes:
        f: the convex f(u) of the density ratio u = p / q >= 0, with f(1) = 0 (but for
            `gan`, where f(1) = -log 4).
        conjugate: f*(t), defined on the range of `activation`.
        activation: g(v), from any logit to the domain of `conjugate`.
        conjugate_of_activation: f*(g(v)) in closed form, finite at every logit.
        optimal: T* = f'(u) as a function of log u: the critic at which the bound is tight.
    """

    f: Callable[[Array], Array]
    conjugate: Callable[[Array], Array]
    activation: Callable[[Array], Array]
    conjugate_of_activation: Callable[[Array], Array]
    optimal: Callable[[Array], Array]


def _x_log_x(u: Array) -> Array:
    positive = u > 0.0
    return jnp.where(positive, u * jnp.log(jnp.where(positive, u, 1.0)), 0.0)


_KL = FDivergence(
    f=_x_log_x,
    conjugate=lambda t: bounded_exp(t - 1.0),
    activation=lambda v: v,
    conjugate_of_activation=lambda v: bounded_exp(v - 1.0),
    optimal=lambda r: 1.0 + r,
)

_REVERSE_KL = FDivergence(
    f=lambda u: -jnp.log(u),
    conjugate=lambda t: -1.0 - jnp.log(-t),
    activation=lambda v: -bounded_exp(-v),
    conjugate_of_activation=lambda v: v - 1.0,
    optimal=lambda r: -bounded_exp(-r),
)

_PEARSON = FDivergence(
    f=lambda u: jnp.square(u - 1.0),
    conjugate=lambda t: 0.25 * jnp.square(t) + t,
    activation=lambda v: v,
    conjugate_of_activation=lambda v: 0.25 * jnp.square(v) + v,
    optimal=lambda r: 2.0 * (bounded_exp(r) - 1.0),
)

_NEYMAN = FDivergence(
    f=lambda u: jnp.square(1.0 - u) / u,
    conjugate=lambda t: 2.0 - 2.0 * jnp.sqrt(1.0 - t),
    activation=lambda v: 1.0 - bounded_exp(-v),
    conjugate_of_activation=lambda v: 2.0 - 2.0 * bounded_exp(-0.5 * v),
    optimal=lambda r: 1.0 - bounded_exp(-2.0 * r),
)

_SQUARED_HELLINGER = FDivergence(
    f=lambda u: jnp.square(jnp.sqrt(u) - 1.0),
    conjugate=lambda t: t / (1.0 - t),
    activation=lambda v: 1.0 - bounded_exp(-v),
    conjugate_of_activation=lambda v: bounded_exp(v) - 1.0,
    optimal=lambda r: 1.0 - bounded_exp(-0.5 * r),
)

_JENSEN_SHANNON = FDivergence(
    f=lambda u: _x_log_x(u) - (u + 1.0) * jnp.log(0.5 * (1.0 + u)),
    conjugate=lambda t: -_LOG_2 - jnp.log(-jnp.expm1(t - _LOG_2)),
    activation=lambda v: _LOG_2 - _sp(-v),
    conjugate_of_activation=lambda v: _sp(v) - _LOG_2,
    optimal=lambda r: _LOG_2 - _sp(-r),
)

_TOTAL_VARIATION = FDivergence(
    f=lambda u: 0.5 * jnp.abs(u - 1.0),
    conjugate=lambda t: t,
    activation=lambda v: 0.5 * jnp.tanh(v),
    conjugate_of_activation=lambda v: 0.5 * jnp.tanh(v),
    optimal=lambda r: 0.5 * jnp.sign(r),
)

_GAN = FDivergence(
    f=lambda u: _x_log_x(u) - (u + 1.0) * jnp.log(u + 1.0),
    conjugate=lambda t: -jnp.log(-jnp.expm1(t)),
    activation=lambda v: -_sp(-v),
    conjugate_of_activation=_sp,
    optimal=lambda r: -_sp(-r),
)

F_DIVERGENCES: Mapping[str, FDivergence] = MappingProxyType(
    {
        "kl": _KL,
        "reverse_kl": _REVERSE_KL,
        "pearson": _PEARSON,
        "neyman": _NEYMAN,
        "squared_hellinger": _SQUARED_HELLINGER,
        "jensen_shannon": _JENSEN_SHANNON,
        "total_variation": _TOTAL_VARIATION,
        "gan": _GAN,
    }
)
"""The divergences of tables 1 and 5 by name, from p of the data to q of the generator.

With the paper's f, `jensen_shannon` is twice the Jensen-Shannon divergence and `gan` that
minus log 4; `squared_hellinger` is the integral of (sqrt p - sqrt q)^2.
"""


def f_divergence(name: str, practical: bool = True) -> MeanLoss:
    """The adversarial loss of an f-divergence (arXiv 1606.00709, sections 2.4 and 3.2).

    Discriminator: -(E[g(V(x))] - E[f*(g(V(G(z))))]), the negated bound on the divergence.
    Generator: -E[g(V(G(z)))] if `practical` (section 3.2; for `gan` the non-saturating
    loss), otherwise the bound itself, -E[f*(g(V(G(z))))].

    Args:
        name: one of `F_DIVERGENCES`.
        practical: which of the two generator losses.

    Returns:
        A loss over logits of any shape and float type; float32 scalars.

    Raises:
        ValueError: there is no divergence of that name.
    """
    if name not in F_DIVERGENCES:
        known = ", ".join(F_DIVERGENCES)
        raise ValueError(f"no f-divergence {name!r}; there are {known}")
    parts = F_DIVERGENCES[name]

    def discriminator(real_logits: Array, fake_logits: Array) -> Scalar:
        fake = mean32(parts.conjugate_of_activation(f32(fake_logits)))
        return fake - mean32(parts.activation(f32(real_logits)))

    def generator(real_logits: Array, fake_logits: Array) -> Scalar:
        del real_logits
        term = parts.activation if practical else parts.conjugate_of_activation
        return -mean32(term(f32(fake_logits)))

    return MeanLoss(discriminator, generator)
