"""Relativistic losses: the paper's formulas in float64, invariances, extreme logits."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gan_jax import losses
from gan_jax.losses import relativistic
from gan_jax.types import AdversarialLoss, MeanLoss


def sp(x):
    return np.log1p(np.exp(x))


def relu(x):
    return np.maximum(x, 0.0)


# f1 and f2 of the paper: what D pays for a real and for a fake example.
HALVES = {
    "non_saturating": (lambda d: sp(-d), sp),
    "minimax": (lambda d: sp(-d), sp),
    "hinge": (lambda d: relu(1 - d), lambda d: relu(1 + d)),
    "least_squares": (lambda d: (d - 1) ** 2, lambda d: (d + 1) ** 2),
    "wasserstein": (lambda d: -d, lambda d: d),
}


def average(name, real, fake):
    f1, f2 = HALVES[name]
    return f1(real - fake.mean()).mean() + f2(fake - real.mean()).mean()


def paired(name, real, fake):
    return HALVES[name][0](real - fake).mean()


FORMS = {True: average, False: paired}


def logits(shape):
    rng = np.random.default_rng(5)
    return 1.0 + 2.0 * rng.standard_normal(shape), 1.5 * rng.standard_normal(shape)


@pytest.mark.parametrize("is_average", FORMS)
@pytest.mark.parametrize("name", HALVES)
def test_values_and_slopes_agree_with_float64(name, is_average, differences):
    real, fake = logits((6, 1))
    form = FORMS[is_average]
    loss = relativistic(getattr(losses, name), average=is_average)
    references = (lambda r, f: form(name, r, f), lambda r, f: form(name, f, r))
    results = jax.jit(lambda r, f: [jax.value_and_grad(s, (0, 1))(r, f) for s in loss])(
        jnp.float32(real), jnp.float32(fake)
    )
    for (value, slopes), reference in zip(results, references, strict=True):
        assert value.dtype == jnp.float32
        np.testing.assert_allclose(value, reference(real, fake), rtol=3e-6)
        for slope, numeric in zip(slopes, differences(reference, real, fake), strict=True):
            np.testing.assert_allclose(slope, numeric, rtol=1e-4, atol=2e-6)


def test_sides_of_different_sizes():
    real, fake = logits((12,))
    real32, fake32 = jnp.float32(real), jnp.float32(fake[:5])
    loss = relativistic(losses.non_saturating)
    expected = average("non_saturating", real, fake[:5])
    np.testing.assert_allclose(loss.discriminator(real32, fake32), expected, rtol=3e-6)
    with pytest.raises(ValueError, match=r"shapes \(12,\) and \(5,\); use average=True"):
        relativistic(losses.hinge, average=False).discriminator(real32, fake32)


def test_a_base_whose_halves_are_no_mirror_images():
    # KL: f1(d) = -d and f2(d) = exp(d - 1); in pairs the mean of both halves.
    real, fake = logits((7,))
    real32, fake32 = jnp.float32(real), jnp.float32(fake)
    base = losses.f_divergence("kl")
    value = relativistic(base).discriminator(real32, fake32)
    expected = -(real - fake.mean()).mean() + np.exp(fake - real.mean() - 1).mean()
    np.testing.assert_allclose(value, expected, rtol=5e-6)
    value = relativistic(base, average=False).discriminator(real32, fake32)
    d = real - fake
    np.testing.assert_allclose(value, (-d.mean() + np.exp(-d - 1).mean()) / 2, rtol=5e-6)


@pytest.mark.parametrize("is_average", FORMS)
@pytest.mark.parametrize("name", HALVES)
def test_a_shift_of_all_logits_changes_nothing(name, is_average):
    # On a grid of 1/8, where sums are exact.
    real, fake = (np.round(8 * x) / 8 for x in logits((8,)))
    real, fake = jnp.float32(real), jnp.float32(fake)
    loss = relativistic(getattr(losses, name), average=is_average)
    for side in loss:
        np.testing.assert_array_equal(side(real, fake), side(real + 16.0, fake + 16.0))


@pytest.mark.parametrize("name", HALVES)
def test_order_of_examples(name):
    real, fake = map(jnp.float32, logits((6,)))
    order = np.array([4, 0, 5, 2, 1, 3])
    base = getattr(losses, name)
    for side in relativistic(base):
        value = side(real, fake)
        np.testing.assert_allclose(side(real[order], fake), value, rtol=1e-5)
    for side in relativistic(base, average=False):
        value = side(real, fake)
        np.testing.assert_allclose(side(real[order], fake[order]), value, rtol=1e-5)
        if name != "wasserstein":
            assert abs(side(real[order], fake) - value) > 1e-3


@pytest.mark.parametrize("is_average", FORMS)
@pytest.mark.parametrize("name", HALVES)
def test_players_swap_roles(name, is_average):
    real, fake = map(jnp.float32, logits((5,)))
    loss = relativistic(getattr(losses, name), average=is_average)
    assert loss.generator(real, fake) == loss.discriminator(fake, real)


# (average, paired) at differences of +200 and -200.
AT_200 = {
    "non_saturating": ((0.0, 0.0), (400.0, 200.0)),
    "hinge": ((0.0, 0.0), (402.0, 201.0)),
    "least_squares": ((2 * 199.0**2, 199.0**2), (2 * 201.0**2, 201.0**2)),
    "wasserstein": ((-400.0, -200.0), (400.0, 200.0)),
}


@pytest.mark.parametrize("name", AT_200)
def test_extreme_logits(name, dtype):
    up, down = jnp.full((4,), 100.0, dtype), jnp.full((4,), -100.0, dtype)
    forms = [relativistic(getattr(losses, name), average=a).discriminator for a in FORMS]

    @jax.jit
    def derivatives(real, fake):
        return [jax.value_and_grad(form, (0, 1))(real, fake) for form in forms]

    for (real, fake), expected in zip(((up, down), (down, up)), AT_200[name], strict=True):
        for (value, slopes), exact in zip(derivatives(real, fake), expected, strict=True):
            np.testing.assert_allclose(value, exact, rtol=1e-6)
            assert all(np.isfinite(np.float32(s)).all() for s in slopes)
            assert all(s.dtype == dtype for s in slopes)


def test_second_derivatives():
    # sp'' = s (1 - s) at the difference of a single pair.
    def of_real(r):
        loss = relativistic(losses.non_saturating, average=False)
        return loss.discriminator(r[None], jnp.float32([0.25]))

    s = 1 / (1 + np.exp(-1.0))
    result = jax.jit(jax.grad(jax.grad(of_real)))(jnp.float32(1.25))
    np.testing.assert_allclose(result, s * (1 - s), rtol=1e-5)


def test_differences_of_bfloat16_logits_are_taken_in_float32():
    # 100 + 1/2 and 100 are neighbours in bfloat16; their mean is not one of its numbers.
    real = jnp.bfloat16([100.0, 100.5])
    fake = jnp.bfloat16([100.0, 100.0])
    value = relativistic(losses.hinge).discriminator(real, fake)
    np.testing.assert_allclose(value, (1 + 0.5) / 2 + 0.75, rtol=1e-6)


def test_the_result_is_no_mean_loss_and_no_base():
    loss = relativistic(losses.hinge)
    assert isinstance(loss, AdversarialLoss)
    assert not isinstance(loss, MeanLoss)
    with pytest.raises(ValueError, match="compares logits already"):
        relativistic(loss)
