"""f-GAN losses: quadrature, conjugacy, tightness of the bound, extreme logits."""

from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gan_jax import losses
from gan_jax.losses import F_DIVERGENCES, f_divergence
from gan_jax.types import MeanLoss

GOLDEN = np.load(
    Path(__file__).parents[1] / "golden" / "10_theory_fgan.npz", allow_pickle=False
)
PUBLISHED = {
    "kl": "kl",
    "reverse_kl": "reverse_kl",
    "pearson": "pearson",
    "squared_hellinger": "squared_hellinger",
    "jensen_shannon": "js",
    "gan": "gan",
}
EXP_40 = np.exp(40.0)
# g and f*(g) in float64, plainly.
REFERENCES = {
    "kl": (lambda v: v, lambda v: np.exp(v - 1)),
    "reverse_kl": (lambda v: -np.exp(-v), lambda v: -1 - np.log(np.exp(-v))),
    "pearson": (lambda v: v, lambda v: v**2 / 4 + v),
    "neyman": (lambda v: 1 - np.exp(-v), lambda v: 2 - 2 * np.sqrt(np.exp(-v))),
    "squared_hellinger": (
        lambda v: 1 - np.exp(-v),
        lambda v: (1 - np.exp(-v)) / np.exp(-v),
    ),
    "jensen_shannon": (
        lambda v: np.log(2) - np.log(1 + np.exp(-v)),
        lambda v: -np.log(2 - 2 / (1 + np.exp(-v))),
    ),
    "total_variation": (lambda v: np.tanh(v) / 2, lambda v: np.tanh(v) / 2),
    "gan": (
        lambda v: -np.log(1 + np.exp(-v)),
        lambda v: -np.log(1 - 1 / (1 + np.exp(-v))),
    ),
}
# f'(u), and D_f as a sum, for distributions with q > 0 and p > 0.
SLOPES = {
    "kl": lambda u: np.log(u) + 1,
    "reverse_kl": lambda u: -1 / u,
    "pearson": lambda u: 2 * (u - 1),
    "neyman": lambda u: 1 - 1 / u**2,
    "squared_hellinger": lambda u: 1 - 1 / np.sqrt(u),
    "jensen_shannon": lambda u: np.log(2 * u / (1 + u)),
    "total_variation": lambda u: np.sign(u - 1) / 2,
    "gan": lambda u: np.log(u / (1 + u)),
}
TABLE_1 = {
    "kl": lambda p, q: (p * np.log(p / q)).sum(),
    "reverse_kl": lambda p, q: (q * np.log(q / p)).sum(),
    "pearson": lambda p, q: ((q - p) ** 2 / q).sum(),
    "neyman": lambda p, q: ((p - q) ** 2 / p).sum(),
    "squared_hellinger": lambda p, q: ((np.sqrt(p) - np.sqrt(q)) ** 2).sum(),
    "jensen_shannon": lambda p, q: (
        (p * np.log(2 * p / (p + q))).sum() + (q * np.log(2 * q / (p + q))).sum()
    ),
    "total_variation": lambda p, q: np.abs(p - q).sum() / 2,
    "gan": lambda p, q: (p * np.log(p / (p + q))).sum() + (q * np.log(q / (p + q))).sum(),
}
P = np.array([0.1, 0.2, 0.3, 0.4])
Q = np.array([0.4, 0.1, 0.35, 0.15])


def test_all_divergences_are_here():
    assert set(F_DIVERGENCES) == set(REFERENCES)
    with pytest.raises(ValueError, match="no f-divergence 'js'; there are kl, reverse_kl"):
        f_divergence("js")


# The parts ------------------------------------------------------------------------------


@pytest.mark.parametrize("name", PUBLISHED)
def test_parts_agree_with_published_values(name):
    parts, key = F_DIVERGENCES[name], PUBLISHED[name]
    x = jnp.float32(GOLDEN["in/x"])
    close = {"rtol": 3e-6, "atol": 1e-6}
    for case in "AB":
        prefix = f"out/{case}/{key}"
        np.testing.assert_allclose(parts.activation(x), GOLDEN[f"{prefix}/g_of_x"], **close)
        composed = parts.conjugate_of_activation(x)
        np.testing.assert_allclose(composed, GOLDEN[f"{prefix}/fstar_g_of_x"], **close)
        ratio = jnp.float32(GOLDEN[f"out/{case}/log_ratio"])
        best = parts.optimal(ratio)
        np.testing.assert_allclose(best, GOLDEN[f"{prefix}/Tstar_x"], rtol=3e-6, atol=1e-6)
        # From the exact T*: at its end the conjugate magnifies its rounding.
        with jax.enable_x64(True):
            exact = parts.conjugate(jnp.asarray(GOLDEN[f"{prefix}/Tstar_x"]))
        np.testing.assert_allclose(exact, GOLDEN[f"{prefix}/fstar_Tstar_x"], rtol=1e-9)


@pytest.mark.parametrize("name", PUBLISHED)
@pytest.mark.parametrize("case", "AB")
def test_loss_integrates_to_the_published_bound(name, case):
    # Two Gaussians and the critic v(x) = 0.3 x + 0.1, at equal quantiles of each Gaussian.
    mean_p, sd_p, mean_q, sd_q = GOLDEN[f"in/params_{case}"]
    slope, shift = GOLDEN["in/vx"]
    nodes, weights = np.polynomial.hermite_e.hermegauss(40)
    weights = weights / weights.sum()
    parts = F_DIVERGENCES[name]

    def expected(fn, mean, sd):
        v = slope * (mean + sd * nodes) + shift
        return (weights * np.float64(fn(jnp.float32(v)))).sum()

    bound = expected(parts.activation, mean_p, sd_p)
    bound -= expected(parts.conjugate_of_activation, mean_q, sd_q)
    key = f"out/{case}/{PUBLISHED[name]}/bound_at_g_v"
    np.testing.assert_allclose(bound, GOLDEN[key], rtol=2e-5, atol=2e-6)


@pytest.mark.parametrize("name", F_DIVERGENCES)
def test_parts_fit_each_other(name):
    parts = F_DIVERGENCES[name]
    v = np.linspace(-4.0, 4.0, 17)
    u = np.array([0.05, 0.3, 0.9, 1.0, 1.7, 6.0])
    with jax.enable_x64(True):
        g = parts.activation(jnp.asarray(v))
        assert np.all(np.diff(g) > 0.0)
        np.testing.assert_allclose(
            parts.conjugate(g),
            parts.conjugate_of_activation(jnp.asarray(v)),
            rtol=1e-9,
            atol=1e-14,
        )
        best = parts.optimal(jnp.log(jnp.asarray(u)))
        np.testing.assert_allclose(best, SLOPES[name](u), rtol=1e-9, atol=1e-12)
        # Fenchel: f(u) + f*(t) >= u t, with equality at t = f'(u).
        gap = parts.f(jnp.asarray(u)) + parts.conjugate(best) - jnp.asarray(u) * best
        np.testing.assert_allclose(gap, 0.0, atol=1e-9)
        others = parts.f(jnp.asarray(u))[:, None] + parts.conjugate(g)[None]
        assert np.all(others - u[:, None] * g[None] >= -1e-12)


@pytest.mark.parametrize("name", F_DIVERGENCES)
def test_f_and_the_bound_at_its_best_are_the_divergence(name):
    parts = F_DIVERGENCES[name]
    expected = TABLE_1[name](P, Q)
    with jax.enable_x64(True):
        u = jnp.asarray(P / Q)
        np.testing.assert_allclose((Q * parts.f(u)).sum(), expected, rtol=1e-12)
        best = parts.optimal(jnp.log(u))
        bound = (P * best).sum() - (Q * parts.conjugate(best)).sum()
        np.testing.assert_allclose(bound, expected, rtol=1e-12)


# The losses -----------------------------------------------------------------------------


def logits(shape_real, shape_fake):
    rng = np.random.default_rng(3)
    return 1.5 * rng.standard_normal(shape_real), 1.5 * rng.standard_normal(shape_fake)


@pytest.mark.parametrize("name", F_DIVERGENCES)
@pytest.mark.parametrize("shapes", [((5,), (7,)), ((2, 3, 3, 1), (4, 1))])
def test_values_and_slopes_agree_with_float64(name, shapes, differences):
    real, fake = logits(*shapes)
    g, h = REFERENCES[name]
    references = {
        f_divergence(name).discriminator: lambda r, f: h(f).mean() - g(r).mean(),
        f_divergence(name).generator: lambda r, f: -g(f).mean(),
        f_divergence(name, practical=False).generator: lambda r, f: -h(f).mean(),
    }

    @jax.jit
    def derivatives(r, f):
        return [jax.value_and_grad(side, (0, 1))(r, f) for side in references]

    results = derivatives(jnp.float32(real), jnp.float32(fake))
    for (value, slopes), reference in zip(results, references.values(), strict=True):
        np.testing.assert_allclose(value, reference(real, fake), rtol=3e-6, atol=1e-6)
        for slope, numeric in zip(slopes, differences(reference, real, fake), strict=True):
            np.testing.assert_allclose(slope, numeric, rtol=1e-5, atol=1e-6)


# f*(g) and g at +100 and at -100, as they are continued.
AT_100 = {
    "kl": ((100.0, -100.0), (60 * EXP_40, 0.0)),
    "reverse_kl": ((0.0, -61 * EXP_40), (99.0, -101.0)),
    "pearson": ((100.0, -100.0), (2600.0, 2400.0)),
    "neyman": ((1.0, -61 * EXP_40), (2.0, -22 * EXP_40)),
    "squared_hellinger": ((1.0, -61 * EXP_40), (61 * EXP_40, -1.0)),
    "jensen_shannon": (
        (np.log(2), np.log(2) - 100),
        (100 - np.log(2), -np.log(2)),
    ),
    "total_variation": ((0.5, -0.5), (0.5, -0.5)),
    "gan": ((0.0, -100.0), (100.0, 0.0)),
}


@pytest.mark.parametrize("name", F_DIVERGENCES)
def test_extreme_logits_give_finite_values_and_two_finite_derivatives(name, dtype):
    (g_up, g_down), (h_up, h_down) = AT_100[name]
    up, down = jnp.full((3,), 100.0, dtype), jnp.full((3,), -100.0, dtype)
    practical, saturating = f_divergence(name), f_divergence(name, practical=False)
    sides = {
        practical.discriminator: lambda r, f: h_down - g_up if r > f else h_up - g_down,
        practical.generator: lambda r, f: -g_up if f > 0 else -g_down,
        saturating.generator: lambda r, f: -h_up if f > 0 else -h_down,
    }

    @jax.jit
    def derivatives(real, fake):
        first = [jax.value_and_grad(side, (0, 1))(real, fake) for side in sides]
        second = [
            jax.grad(lambda f, s=side: jnp.sum(jax.grad(s, 1)(real, f)))(fake)
            for side in sides
        ]
        return first, second

    for real, fake in ((up, down), (down, up)):
        first, second = derivatives(real, fake)
        for (value, slopes), curve, expected in zip(
            first, second, sides.values(), strict=True
        ):
            assert value.dtype == jnp.float32
            np.testing.assert_allclose(
                value, expected(real[0], fake[0]), rtol=1e-5, atol=1e-6
            )
            assert all(np.isfinite(np.float32(s)).all() for s in (*slopes, curve))
            assert all(s.dtype == dtype for s in slopes)


def test_gan_is_the_original_loss():
    real, fake = map(jnp.float32, logits((6,), (9,)))
    for practical, other in ((True, losses.non_saturating), (False, losses.minimax)):
        loss = f_divergence("gan", practical)
        for mine, theirs in zip(loss, other, strict=True):
            np.testing.assert_allclose(mine(real, fake), theirs(real, fake), rtol=1e-6)


@pytest.mark.parametrize("name", F_DIVERGENCES)
def test_losses_are_means_over_logits(name):
    # So the mean over two halves is the loss of the whole, whatever the order.
    loss = f_divergence(name)
    assert isinstance(loss, MeanLoss)
    real, fake = map(jnp.float32, logits((8,), (8,)))
    for side in loss:
        halves = [side(real[i::2], fake[i::2]) for i in (0, 1)]
        np.testing.assert_allclose(np.mean(halves), side(real, fake), rtol=1e-5)


def test_the_generator_that_saturates_is_zero_sum():
    real, fake = map(jnp.float32, logits((6,), (6,)))
    for name in F_DIVERGENCES:
        loss = f_divergence(name, practical=False)
        d, g = jax.jit(lambda r, f, sides=loss: [jax.grad(s, 1)(r, f) for s in sides])(
            real, fake
        )
        np.testing.assert_array_equal(d, -g)
