"""Power iteration until convergence."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gan_jax import transforms

KEY = jax.random.key(0)
UNTIL = transforms.UntilConvergence()


def params(seed=0):
    rng = np.random.default_rng(seed)
    shapes = {"conv": (3, 3, 2, 5), "dense": (7, 4), "wide": (3, 8)}
    return {k: jnp.float32(rng.standard_normal(s)) for k, s in shapes.items()}


def jitted(transform):
    """Programs in place of hundreds of small ones."""
    return transform._replace(
        init=jax.jit(transform.init), update=jax.jit(transform.update)
    )


def top(kernel):
    return np.linalg.svd(np.float64(kernel).reshape(-1, kernel.shape[-1]))[1][0]


@pytest.fixture(scope="module")
def start():
    """Vectors of other weights."""
    return jax.jit(transforms.spectral_norm().init)(params(1), KEY)


def close(a, b):
    jax.tree.map(lambda x, y: np.testing.assert_allclose(x, y, rtol=1e-5, atol=1e-6), a, b)


def updated(iterations, state):
    return jax.jit(transforms.spectral_norm(iterations=iterations).update)(params(0), state)


def test_one_update_finds_the_norm_of_other_weights(start):
    values = transforms.singular_values(params(0), updated(UNTIL, start))
    for path, kernel in params(0).items():
        np.testing.assert_allclose(values[path][0], top(kernel), rtol=1e-5)


def test_one_update_of_a_block_finds_the_largest_values():
    transform = jitted(transforms.spectral_norm(vectors=2, iterations=UNTIL))
    state = transform.update(params(0), transform.init(params(1), KEY))
    values = transforms.singular_values(params(0), state)
    for path, kernel in params(0).items():
        exact = np.linalg.svd(np.float64(kernel).reshape(-1, kernel.shape[-1]))[1][:2]
        np.testing.assert_allclose(values[path], exact, rtol=1e-5)


def test_the_cap_holds_and_counts_iterations(start):
    capped = transforms.UntilConvergence(tolerance=0.0, at_most=3)
    close(updated(capped, start), updated(3, start))


def test_it_stops_as_soon_as_the_residual_allows(start):
    # No residual is above 2: one iteration, the least there is.
    loose = transforms.UntilConvergence(tolerance=2.0, at_most=50)
    close(updated(loose, start), updated(1, start))


def test_weights_that_are_not_numbers_end_it(start):
    tree = jax.tree.map(lambda x: x * jnp.nan, params(0))
    endless = transforms.UntilConvergence(tolerance=0.0, at_most=2**30)
    transform = transforms.spectral_norm(iterations=endless)
    state = jax.jit(transform.update)(tree, start)
    assert not np.isfinite(transforms.singular_values(tree, state)["dense"][0])


def test_seeds_in_one_program_each_converge():
    transform = transforms.spectral_norm(iterations=UNTIL)
    trees = [params(seed) for seed in range(3)]
    stacked = jax.tree.map(lambda *leaves: jnp.stack(leaves), *trees)
    states = jax.jit(jax.vmap(lambda p: transform.init(p, KEY)))(stacked)
    states = jax.jit(jax.vmap(transform.update))(stacked, states)
    values = jax.vmap(transforms.singular_values)(stacked, states)
    for path in stacked:
        exact = [[top(tree[path])] for tree in trees]
        np.testing.assert_allclose(values[path], exact, rtol=1e-4)


def test_close_singular_values_are_told_apart():
    # 1 and 0.99: the value changes by less than 1e-6 long before it is right to 1e-5.
    rng = np.random.default_rng(0)
    u, v = (np.linalg.qr(rng.standard_normal((n, 3)))[0] for n in (6, 5))
    tree = {"kernel": jnp.float32(u @ np.diag([1.0, 0.99, 0.98]) @ v.T)}
    start = {"kernel": jnp.float32(u @ v.T)}
    transform = transforms.spectral_norm(iterations=UNTIL)
    state = transform.update(tree, transform.init(start, KEY))
    value = transforms.singular_values(tree, state)["kernel"]
    np.testing.assert_allclose(value, [1.0], rtol=1e-5)


@pytest.mark.parametrize(("tolerance", "at_most"), [(-1.0, 5), (1e-3, 0)])
def test_bad_arguments(tolerance, at_most):
    until = transforms.UntilConvergence(tolerance, at_most)
    with pytest.raises(ValueError, match="at_most >= 1 and tolerance >= 0"):
        transforms.spectral_norm(iterations=until)
