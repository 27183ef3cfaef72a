"""Maximum mean discrepancies: reference values, float64 sums over pairs, shards."""

from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gan_jax import losses
from gan_jax.losses import moments

GOLDEN = np.load(
    Path(__file__).parents[1] / "golden" / "06_kid_mmd.npz", allow_pickle=False
)
KERNELS = {
    "gaussian": losses.gaussian_kernel(0.7, 2.0),
    "polynomial": losses.polynomial_kernel(degree=3, offset=0.5),
    "rational": losses.rational_quadratic_kernel(0.2, 1.0, 5.0, length=1.5),
}


def squares(x, y):
    return ((x[:, None] - y[None]) ** 2).sum(-1)


GRAMS = {
    "gaussian": lambda x, y: (
        np.exp(-squares(x, y) / (2 * 0.49)) + np.exp(-squares(x, y) / 8)
    ),
    "polynomial": lambda x, y: (x @ y.T / x.shape[1] + 0.5) ** 3,
    "rational": lambda x, y: sum(
        (1 + squares(x, y) / (2 * a * 2.25)) ** -a for a in (0.2, 1.0, 5.0)
    ),
}


def reference(name, x, y, unbiased, root):
    gram, n, m = GRAMS[name], len(x), len(y)
    value = -2 * gram(x, y).mean()
    for side, k in ((x, n), (y, m)):
        pairs = gram(side, side)
        if unbiased:
            value += pairs[~np.eye(k, dtype=bool)].sum() / (k * (k - 1))
        else:
            value += pairs.mean()
    return np.sqrt(value) if root else value


def draw(n, seed, shift=0.0):
    return shift + np.random.default_rng(seed).standard_normal((n, 3))


@pytest.mark.parametrize(
    ("unbiased", "root"), [(True, False), (False, False), (False, True)]
)
@pytest.mark.parametrize("name", KERNELS)
def test_values_and_slopes_agree_with_float64(name, unbiased, root, differences):
    x, y = draw(5, 0), draw(4, 1, shift=0.5)

    def exact(x, y):
        return reference(name, x, y, unbiased, root)

    loss = losses.mmd(KERNELS[name], unbiased=unbiased, root=root)
    value, slopes = jax.jit(jax.value_and_grad(loss, (0, 1)))(
        jnp.float32(x), jnp.float32(y)
    )
    assert value.dtype == jnp.float32
    np.testing.assert_allclose(value, exact(x, y), rtol=1e-5, atol=1e-6)
    for slope, numeric in zip(slopes, differences(exact, x, y), strict=True):
        np.testing.assert_allclose(slope, numeric, rtol=2e-4, atol=2e-6)


@pytest.mark.parametrize("name", KERNELS)
def test_kernels_of_numpy_arrays_stay_in_float64(name):
    x, y = draw(5, 0), draw(4, 1)
    gram = KERNELS[name](x, y)
    assert isinstance(gram, np.ndarray)
    np.testing.assert_allclose(gram, GRAMS[name](x, y), rtol=1e-12)
    for unbiased in (True, False):
        value = moments.squared_discrepancy(KERNELS[name], x, y, unbiased=unbiased)
        expected = reference(name, x, y, unbiased, root=False)
        np.testing.assert_allclose(value, expected, rtol=1e-12)


@pytest.mark.parametrize("estimate", ["biased", "unbiased"])
@pytest.mark.parametrize(
    ("name", "kernel"),
    [
        ("poly", losses.polynomial_kernel()),
        ("rbf_sigma2.0", losses.gaussian_kernel(2.0)),
        ("rbf_sigma5.0", losses.gaussian_kernel(5.0)),
    ],
)
def test_published_values(name, kernel, estimate):
    loss = jax.jit(losses.mmd(kernel, unbiased=estimate == "unbiased"))
    value = loss(jnp.asarray(GOLDEN["in/a"]), jnp.asarray(GOLDEN["in/b"]))
    # A difference of means of kernels up to 1 (in the polynomial case 10): rounding 1e-7.
    np.testing.assert_allclose(
        value, GOLDEN[f"out/{name}_{estimate}"], rtol=2e-5, atol=1e-6
    )


def test_the_samples_may_be_images_of_unequal_number():
    x, y = draw(6, 0), draw(4, 1)
    loss = jax.jit(losses.mmd(KERNELS["gaussian"]))
    images = jnp.float32(x).reshape(6, 1, 3, 1), jnp.float32(y).reshape(4, 1, 3, 1)
    np.testing.assert_allclose(loss(*images), loss(jnp.float32(x), jnp.float32(y)))


@pytest.mark.parametrize("root", [True, False])
@pytest.mark.parametrize("unbiased", [True, False])
@pytest.mark.parametrize("name", KERNELS)
def test_equal_samples_have_no_distance_and_finite_slopes(name, unbiased, root):
    x = jnp.float32(draw(4, 0))
    loss = losses.mmd(KERNELS[name], unbiased=unbiased, root=root)
    value, slopes = jax.jit(jax.value_and_grad(loss, (0, 1)))(x, x)
    if unbiased:
        pairs = GRAMS[name](draw(4, 0), draw(4, 0))
        off = pairs[~np.eye(4, dtype=bool)].mean()
        square = 2 * off - 2 * pairs.mean()
        np.testing.assert_allclose(value, 0.0 if root else square, rtol=1e-5)
    else:
        np.testing.assert_allclose(value, 0.0, atol=1e-3 if root else 1e-6)
    assert all(np.isfinite(s).all() for s in slopes)


def test_root_at_zero_has_no_slope():
    x = jnp.zeros((3, 2), jnp.float32)
    loss = losses.mmd(KERNELS["gaussian"], root=True)
    value, slope = jax.jit(jax.value_and_grad(loss))(x, x)
    assert value == 0.0
    np.testing.assert_array_equal(slope, np.zeros((3, 2)))


@pytest.mark.parametrize("name", KERNELS)
def test_order_of_examples(name):
    x, y = jnp.float32(draw(5, 0)), jnp.float32(draw(5, 1))
    order = np.array([3, 1, 4, 0, 2])
    loss = jax.jit(losses.mmd(KERNELS[name]))
    np.testing.assert_allclose(loss(x[order], y), loss(x, y), rtol=1e-4)


@pytest.mark.parametrize("root", [True, False])
def test_shards_give_the_gradient_of_the_whole_batch(root, on_shards):
    loss = losses.mmd(KERNELS["gaussian"], unbiased=True, root=root)
    w = jnp.float32(np.eye(3) + 0.1 * draw(3, 5))
    data = jnp.float32(draw(8, 6)), jnp.float32(draw(8, 7, shift=1.0))

    def fn(w, data):
        return loss(data[0], data[1] @ w)

    parts = on_shards(fn, w, data)
    whole = jax.jit(jax.value_and_grad(fn))(w, data)
    for a, b in zip(parts, whole, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("name", KERNELS)
def test_extreme_features(name, dtype):
    up, down = jnp.full((2, 3), 100.0, dtype), jnp.full((2, 3), -100.0, dtype)
    loss = losses.mmd(KERNELS[name])
    value, slopes = jax.jit(jax.value_and_grad(loss, (0, 1)))(up, down)
    exact = reference(name, np.full((2, 3), 100.0), np.full((2, 3), -100.0), False, False)
    assert value.dtype == jnp.float32
    np.testing.assert_allclose(value, exact, rtol=1e-5)
    assert all(np.isfinite(np.float32(s)).all() for s in slopes)
    assert all(s.dtype == dtype for s in slopes)


def test_second_derivative():
    # k(x, y) = exp(-(x - y)^2 / 2): MMD^2 = 2 - 2 k, whose second derivative at 0 is 2.
    loss = losses.mmd(losses.gaussian_kernel(1.0))
    y = jnp.zeros((1, 1), jnp.float32)
    curve = jax.jit(jax.grad(jax.grad(lambda x: loss(x.reshape(1, 1), y))))
    x = 0.6
    expected = 2 * (1 - x**2) * np.exp(-(x**2) / 2)
    np.testing.assert_allclose(curve(jnp.float32(x)), expected, rtol=1e-5)


def test_bad_arguments_are_refused():
    with pytest.raises(ValueError, match="positive bandwidths"):
        losses.gaussian_kernel(1.0, 0.0)
    with pytest.raises(ValueError, match="positive alphas and a positive length"):
        losses.rational_quadratic_kernel()
    with pytest.raises(ValueError, match=r"got \(1\.0,\) and -1\.0"):
        losses.rational_quadratic_kernel(1.0, length=-1.0)
    one, two = jnp.zeros((1, 2), jnp.float32), jnp.zeros((2, 2), jnp.float32)
    with pytest.raises(ValueError, match="2 or more rows, got 2 and 1"):
        losses.mmd(KERNELS["gaussian"], unbiased=True)(two, one)
