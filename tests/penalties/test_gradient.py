"""Penalties on a critic's slope: closed forms, float64 references, independence of rows."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import PartitionSpec as P

from gan_jax import penalties, prng, tracing

KEY = jax.random.key(0)
SHAPES = {"image": (4, 3), "code": (2,), "scalar": ()}
FACTORIES = {
    "two_sided": penalties.gradient_penalty(),
    "one_sided": penalties.gradient_penalty(one_sided=True),
    "finite_difference": penalties.finite_difference_penalty(),
    "r1": penalties.r1(),
    "r2": penalties.r2(),
    "dragan": penalties.dragan(),
    "max": penalties.max_gradient_penalty(),
}


def batch(n, seed, scale=1.0):
    rng = np.random.default_rng(seed)
    return {k: jnp.float32(scale * rng.standard_normal((n, *s))) for k, s in SHAPES.items()}


def weights(scale):
    rng = np.random.default_rng(9)
    raw = {k: rng.standard_normal(s) for k, s in SHAPES.items()}
    norm = np.sqrt(sum((w**2).sum() for w in raw.values()))
    return {k: np.asarray(scale * w / norm, np.float32) for k, w in raw.items()}


def linear(w):
    """A critic <w, x> + 5, whose gradient is w everywhere."""

    def critic(x):
        products = {k: (x[k] * w[k][None]).reshape(len(x[k]), -1) for k in SHAPES}
        return sum(jnp.sum(product, axis=1) for product in products.values()) + 5.0

    return critic


def cubic(x):
    """A nonlinear critic over all leaves, with cross terms between them."""
    flat = jnp.concatenate([x[k].reshape(len(x[k]), -1) for k in SHAPES], axis=1)
    return jnp.sum(flat**3, axis=1) * 0.1 + flat[:, 0] * flat[:, -1]


def permuted(tree, order):
    return jax.tree.map(lambda a: a[order], tree)


# Closed forms -------------------------------------------------------------------------


@pytest.mark.parametrize("scale", [0.25, 1.0, 3.0])
@pytest.mark.parametrize("target", [1.0, 2.0, 0.0])
def test_linear_critic(scale, target):
    critic, real, fake = linear(weights(scale)), batch(5, 1), batch(5, 2)
    expected = {
        penalties.gradient_penalty(target=target): (scale - target) ** 2,
        penalties.gradient_penalty(one_sided=True, target=target): max(0.0, scale - target)
        ** 2,
        penalties.dragan(target=target): (scale - target) ** 2,
        penalties.r1(): scale**2 / 2,
        penalties.r2(): scale**2 / 2,
        penalties.max_gradient_penalty(): scale**2,
    }
    for penalty, value in expected.items():
        result = penalty(critic, real, fake, KEY)
        assert result.dtype == jnp.float32
        assert result.shape == ()
        np.testing.assert_allclose(result, value, rtol=1e-5, atol=1e-10)


def test_finite_difference_of_a_linear_critic():
    # The slope along an example's own segment d = x - G(z) is |<w, d>| / ||d||.
    w, real, fake = weights(3.0), batch(6, 1), batch(6, 2)
    gap = {k: np.float64(real[k]) - np.float64(fake[k]) for k in SHAPES}
    rise = sum((gap[k] * w[k]).reshape(6, -1).sum(1) for k in SHAPES)
    run = np.sqrt(sum((gap[k] ** 2).reshape(6, -1).sum(1) for k in SHAPES))
    for target in (1.0, 0.5):
        value = penalties.finite_difference_penalty(target=target)(
            linear(w), real, fake, KEY
        )
        expected = ((np.abs(rise) / run - target) ** 2).mean()
        np.testing.assert_allclose(value, expected, rtol=1e-3)


def test_finite_difference_in_one_dimension_is_the_slope():
    real, fake = jnp.float32([[1.0], [2.0], [0.5]]), jnp.float32([[-1.0], [0.0], [-2.0]])
    value = penalties.finite_difference_penalty()(lambda x: -3.0 * x[:, 0], real, fake, KEY)
    np.testing.assert_allclose(value, 4.0, rtol=1e-4)


def test_r1_and_r2_of_a_quadratic_each_on_its_own_side():
    # D(x) = 1/2 sum a x^2 has the gradient a x.
    a = np.float32([1.0, -2.0, 0.5])
    rng = np.random.default_rng(4)
    real, fake = rng.standard_normal((7, 3)), 3.0 * rng.standard_normal((7, 3))

    def critic(x):
        return 0.5 * (x**2) @ a

    for factory, data in ((penalties.r1, real), (penalties.r2, fake)):
        value = factory()(critic, jnp.float32(real), jnp.float32(fake), KEY)
        np.testing.assert_allclose(value, 0.5 * ((a * data) ** 2).sum(1).mean(), rtol=1e-5)


def test_norm_is_per_example_and_not_of_the_mean_gradient():
    # Slopes +2 and -2: the mean gradient is 0, each norm is 2.
    slope = jnp.float32([2.0, -2.0])
    x = jnp.ones((2, 1), jnp.float32)
    value = penalties.gradient_penalty()(lambda x: slope * x[:, 0], x, x, KEY)
    np.testing.assert_allclose(value, 1.0, rtol=1e-6)


def test_gradient_penalty_takes_the_gradient_at_the_interpolate():
    # On C = x^2 / 2 between 0 and 1 the norm is e itself: E e^2 = 1/3.
    # Bound: 4 deviations, sd(e^2) = sqrt(1/5 - 1/9) = 0.298, n = 4096, seed 0.
    n = 4096
    real, fake = jnp.ones((n, 1), jnp.float32), jnp.zeros((n, 1), jnp.float32)
    penalty = penalties.gradient_penalty(target=0.0)
    value = penalty(lambda x: 0.5 * x[:, 0] ** 2, real, fake, KEY)
    np.testing.assert_allclose(value, 1 / 3, atol=4 * 0.298 / np.sqrt(n))


def test_interpolation_weight_is_shared_by_an_examples_leaves():
    # Both leaves run from 0 to 1, so they are equal, and (a - b)^2 is flat, if e is shared.
    n = 1024
    ones = {"a": jnp.ones((n, 2), jnp.float32), "b": jnp.ones((n, 1), jnp.float32)}
    zeros = jax.tree.map(jnp.zeros_like, ones)

    def critic(x):
        return jnp.sum((x["a"] - x["b"]) ** 2, axis=1)

    value = penalties.gradient_penalty()(critic, ones, zeros, KEY)
    np.testing.assert_array_equal(value, 1.0)
    # One leaf alone shows that e is drawn at all: E e^2 = 1/3, bound as above.
    drawn = penalties.gradient_penalty(target=0.0)(
        lambda x: 0.5 * jnp.sum(x["b"] ** 2, axis=1), ones, zeros, KEY
    )
    np.testing.assert_allclose(drawn, 1 / 3, atol=4 * 0.298 / np.sqrt(n))


def test_max_gradient_penalty_is_the_steepest_example_alone():
    # Slopes 1, -3, 2: the largest square is 9, and only that example moves it.
    slope = jnp.float32([1.0, -3.0, 2.0])
    x = jnp.ones((3, 1), jnp.float32)

    def value(slope):
        penalty = penalties.max_gradient_penalty()
        return penalty(lambda x: slope * x[:, 0], x, x, KEY)

    np.testing.assert_allclose(value(slope), 9.0, rtol=1e-6)
    np.testing.assert_allclose(jax.grad(value)(slope), [0.0, -6.0, 0.0], rtol=1e-6)
    # The steepest point of x^2 / 2 between 0 and 1 is the largest e drawn. Of n = 1024
    # uniform draws (seed 0) it is above 1 - 1e-2 with probability 1 - e^-10.
    ones = jnp.ones((1024, 1), jnp.float32)
    steepest = penalties.max_gradient_penalty()(
        lambda x: 0.5 * x[:, 0] ** 2, ones, 0.0 * ones, KEY
    )
    np.testing.assert_allclose(steepest, 0.99, atol=0.01)


def test_dragan_noise_has_half_the_deviation_of_the_data():
    # Data +-2 (mean 0, deviation 2), noise N(0, 1): E (x + d)^2 = 5 per element.
    # Bound: 4 deviations; var((x + d)^2) = 4 * 4 + 2 = 18, 4096 elements, seed 0.
    rng = np.random.default_rng(5)
    real = jnp.float32(2.0 * np.sign(rng.standard_normal((64, 8, 8))))

    def critic(x):
        return 0.5 * jnp.sum(x**2, axis=(1, 2))

    value = penalties.dragan(target=0.0)(critic, real, real, KEY) / 64.0
    np.testing.assert_allclose(value, 5.0, atol=4 * np.sqrt(18 / 4096))
    still = penalties.dragan(noise_scale=0.0, target=0.0)(critic, real, real, KEY) / 64.0
    np.testing.assert_allclose(still, 4.0, rtol=1e-6)


# Derivatives in the critic's parameters -------------------------------------------------


def mlp(params, x):
    return jnp.tanh(x @ params["kernel"] + params["bias"].reshape(1, -1)) @ params["outer"]


def mlp_input_gradient(params, x):
    """The input gradient of `mlp` by hand, float64."""
    hidden = np.tanh(x @ params["kernel"] + params["bias"])
    return ((1 - hidden**2) * params["outer"]) @ params["kernel"].T


REFERENCES = {
    "two_sided": lambda g: ((np.sqrt((g**2).sum(1)) - 1) ** 2).mean(),
    "one_sided": lambda g: (np.maximum(0, np.sqrt((g**2).sum(1)) - 1) ** 2).mean(),
    "r1": lambda g: 0.5 * (g**2).sum(1).mean(),
    "r2": lambda g: 0.5 * (g**2).sum(1).mean(),
    "max": lambda g: (g**2).sum(1).max(),
}


@pytest.mark.parametrize("name", REFERENCES)
def test_second_derivatives_agree_with_float64_differences(name):
    rng = np.random.default_rng(6)
    params = {
        "kernel": rng.standard_normal((3, 4)),
        "bias": rng.standard_normal(4),
        "outer": rng.standard_normal(4),
    }
    x = rng.standard_normal((5, 3))

    def reference(p):
        return REFERENCES[name](mlp_input_gradient(p, x))

    # With real = fake the interpolate is the example itself, whatever is drawn.
    data = jnp.float32(x)
    lifted = penalties.lift(mlp, FACTORIES[name])
    value, gradient = jax.value_and_grad(lifted)(
        jax.tree.map(jnp.float32, params), data, data, KEY
    )
    np.testing.assert_allclose(value, reference(params), rtol=1e-5)
    for leaf, array in params.items():
        numeric = np.zeros_like(array)
        for index in np.ndindex(array.shape):
            step = np.zeros_like(array)
            step[index] = 1e-5
            up, down = params | {leaf: array + step}, params | {leaf: array - step}
            numeric[index] = (reference(up) - reference(down)) / 2e-5
        np.testing.assert_allclose(gradient[leaf], numeric, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", FACTORIES)
def test_flat_critic_and_equal_points_have_finite_derivatives(name):
    x = jnp.ones((3, 2), jnp.float32)
    params = {"kernel": jnp.zeros((2, 4)), "bias": jnp.zeros(4), "outer": jnp.zeros(4)}
    params = jax.tree.map(jnp.float32, params)
    lifted = penalties.lift(mlp, FACTORIES[name])
    value, gradient = jax.value_and_grad(lifted)(params, x, x, KEY)
    flat = {"two_sided": 1.0, "dragan": 1.0}
    assert value == flat.get(name, 0.0)
    for leaf in jax.tree.leaves(gradient):
        np.testing.assert_array_equal(leaf, np.zeros_like(leaf))


def test_finite_difference_is_differentiated_once_through_the_parameters():
    # (|w| - 1)^2 in one dimension has the slope 2 (|w| - 1) sign(w).
    real, fake = jnp.float32([[1.0], [2.0]]), jnp.float32([[-1.0], [-1.5]])
    lifted = penalties.lift(lambda w, x: w * x[:, 0], FACTORIES["finite_difference"])
    for w in (-3.0, 0.5):
        slope = jax.grad(lifted)(jnp.float32(w), real, fake, KEY)
        np.testing.assert_allclose(slope, 2 * (abs(w) - 1) * np.sign(w), rtol=1e-4)


# Keys, rows, types ----------------------------------------------------------------------


@pytest.mark.parametrize("name", FACTORIES)
def test_rows_with_their_own_keys_are_independent_of_their_order(name):
    n, penalty = 6, FACTORIES[name]
    keys, real, fake = prng.per_example(KEY, n), batch(n, 1), batch(n, 2)
    whole = penalty(cubic, real, fake, keys)
    np.testing.assert_array_equal(whole, penalty(cubic, real, fake, KEY))
    order = np.array([3, 0, 5, 1, 4, 2])
    shuffled = penalty(cubic, permuted(real, order), permuted(fake, order), keys[order])
    np.testing.assert_allclose(shuffled, whole, rtol=2e-5)
    other = penalty(cubic, real, fake, jax.random.key(1))
    # Only R1 and R2 draw nothing.
    assert (other == whole) == (name in ("r1", "r2"))


@pytest.mark.parametrize("name", sorted(set(FACTORIES) - {"dragan", "max"}))
def test_micro_batches_average_to_the_whole(name):
    keys, real, fake = prng.per_example(KEY, 6), batch(6, 1), batch(6, 2)
    parts = [
        FACTORIES[name](
            cubic, permuted(real, rows), permuted(fake, rows), keys[rows.start : rows.stop]
        )
        for rows in (slice(0, 3), slice(3, 6))
    ]
    whole = FACTORIES[name](cubic, real, fake, keys)
    np.testing.assert_allclose(np.mean(parts), whole, rtol=2e-5)


def test_dragan_uses_the_global_deviation_over_a_mapped_axis():
    n, penalty = 8, FACTORIES["dragan"]
    mesh = jax.make_mesh((4,), ("data",), axis_types=(jax.sharding.AxisType.Auto,))
    # Rows of growing spread, so that every shard has a deviation of its own.
    spread = jnp.arange(1.0, n + 1.0, dtype=jnp.float32).reshape(n, 1)
    real = batch(n, 1)["code"] * spread
    keys = prng.per_example(KEY, n)

    def critic(x):
        return jnp.sum(x**3, axis=1)

    def shard(x, k):
        with tracing.batch_axis("data"):
            return tracing.pmean(penalty(critic, x, x, k))

    mapped = jax.shard_map(shard, mesh=mesh, in_specs=(P("data"), P("data")), out_specs=P())
    whole = penalty(critic, real, real, keys)
    np.testing.assert_allclose(jax.jit(mapped)(real, keys), whole, rtol=1e-5)


@pytest.mark.parametrize("name", FACTORIES)
def test_bfloat16_inputs_and_logits_give_float32(name):
    half = jax.tree.map(lambda x: x.astype(jnp.bfloat16), (batch(4, 1), batch(4, 2)))
    w = jax.tree.map(lambda x: jnp.bfloat16(x), weights(1.0))

    def critic(x):
        assert all(leaf.dtype == jnp.bfloat16 for leaf in jax.tree.leaves(x))
        return linear(w)(x)

    value = FACTORIES[name](critic, *half, KEY)
    assert value.dtype == jnp.float32
    norm = np.sqrt(sum((np.float64(x) ** 2).sum() for x in jax.tree.leaves(w)))
    exact = {"two_sided": (norm - 1) ** 2, "dragan": (norm - 1) ** 2}
    exact |= {"r1": norm**2 / 2, "r2": norm**2 / 2, "one_sided": max(0.0, norm - 1) ** 2}
    exact |= {"max": norm**2}
    if name in exact:
        np.testing.assert_allclose(value, exact[name], rtol=1e-4, atol=1e-9)
    else:
        assert np.isfinite(value)


@pytest.mark.parametrize("name", FACTORIES)
def test_several_logits_per_example_count_as_their_sum(name):
    real, fake = batch(4, 1), batch(4, 2)
    value = FACTORIES[name](cubic, real, fake, KEY)
    split = FACTORIES[name](
        lambda x: jnp.stack([0.75 * cubic(x), 0.25 * cubic(x)], axis=1), real, fake, KEY
    )
    column = FACTORIES[name](lambda x: cubic(x).reshape(-1, 1), real, fake, KEY)
    np.testing.assert_allclose(split, value, rtol=1e-4)
    np.testing.assert_allclose(column, value, rtol=1e-6)


def test_real_and_fake_of_different_sizes_are_refused():
    with pytest.raises(ValueError, match="different batch sizes"):
        penalties.gradient_penalty()(cubic, batch(4, 1), batch(3, 2), KEY)


# assert_per_example ---------------------------------------------------------------------


def test_independent_critics_pass():
    penalties.assert_per_example(cubic, batch(3, 1))

    def instance_norm(x):
        centred = x - x.mean(axis=1, keepdims=True)
        return jnp.sum(centred / (centred.std(axis=1, keepdims=True) + 1e-3) ** 2, axis=1)

    penalties.assert_per_example(instance_norm, batch(3, 1)["code"])


def batch_norm(x):
    return jnp.sum((x - x.mean(0, keepdims=True)) / x.std(0, keepdims=True), axis=1)


def minibatch_deviation_in_pairs(x):
    pairs = x.reshape(2, -1, x.shape[-1])
    return jnp.sum(x, axis=1) + jnp.tile(pairs.std(0).mean(1), 2)


def second_row_sees_the_first(x):
    return jnp.sum(x, axis=1).at[1].add(x[0, 0])


@pytest.mark.parametrize(
    ("critic", "pair"),
    [
        (batch_norm, (0, 1)),
        (minibatch_deviation_in_pairs, (0, 2)),
        (second_row_sees_the_first, (0, 1)),
        (lambda x: second_row_sees_the_first(x[::-1])[::-1], (3, 2)),
    ],
)
def test_coupled_critics_are_named(critic, pair):
    message = f"changing row {pair[0]} changed the logit of row {pair[1]}"
    with pytest.raises(ValueError, match=message):
        penalties.assert_per_example(critic, batch(4, 1)["code"])


def test_bad_batches_and_logits_are_refused():
    with pytest.raises(ValueError, match="2 or more examples, got 1"):
        penalties.assert_per_example(cubic, batch(1, 1))
    with pytest.raises(ValueError, match=r"expected \(3,\), got shape \(\)"):
        penalties.assert_per_example(lambda x: cubic(x).sum(), batch(3, 1))
