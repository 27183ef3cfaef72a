"""Weight normalisation: both factors, their gradients, their place in the tree."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from gan_jax import transforms, trees

KEY = jax.random.key(0)


def params():
    rng = np.random.default_rng(0)

    def normal(*shape):
        return jnp.float32(rng.standard_normal(shape))

    return {
        "conv": {"kernel": normal(3, 3, 2, 4), "bias": normal(4)},
        "dense": {"kernel": normal(5, 3), "bias": normal(3)},
        "constant": normal(2, 2, 3),
    }


def norms(kernel):
    return np.linalg.norm(np.float64(kernel).reshape(-1, kernel.shape[-1]), axis=0)


def test_parametrize_puts_two_factors_where_the_kernel_stood():
    tree = params()
    trained = transforms.weight_norm().parametrize(tree)
    shapes = {path: leaf.shape for path, leaf in trees.leaves_with_path(trained)}
    assert shapes == {
        "conv/kernel/direction": (3, 3, 2, 4),
        "conv/kernel/gain": (4,),
        "conv/bias": (4,),
        "dense/kernel/direction": (5, 3),
        "dense/kernel/gain": (3,),
        "dense/bias": (3,),
        "constant": (2, 2, 3),
    }
    for layer in ("conv", "dense"):
        np.testing.assert_allclose(
            trained[layer]["kernel"].gain, norms(tree[layer]["kernel"]), rtol=1e-6
        )


def test_training_starts_from_the_networks_own_kernels():
    transform, tree = transforms.weight_norm(), params()
    trained = transform.parametrize(tree)
    state = transform.init(trained, KEY)
    assert state == {}
    assert transform.update(trained, state) == {}
    effective = transform.apply(trained, state)
    assert jax.tree.structure(effective) == jax.tree.structure(tree)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-6), effective, tree)


def test_gain_sets_the_norm_and_direction_only_the_direction():
    transform, tree = transforms.weight_norm(), params()
    trained = transform.parametrize(tree)
    node = trained["conv"]["kernel"]
    gain = jnp.float32([1.0, 2.0, 0.5, -3.0])
    trained["conv"]["kernel"] = transforms.DirectionGain(7.0 * node.direction, gain)
    kernel = transform.apply(trained, {})["conv"]["kernel"]
    unit = np.float64(tree["conv"]["kernel"]) / norms(tree["conv"]["kernel"])
    np.testing.assert_allclose(kernel, unit * np.float64(gain), rtol=1e-5)


def test_gradients_are_the_papers_equation_3():
    transform, tree = transforms.weight_norm(), params()
    trained = transform.parametrize(tree)
    rng = np.random.default_rng(1)
    probe = rng.standard_normal((5, 3))

    def loss(p):
        return jnp.sum(transform.apply(p, {})["dense"]["kernel"] * jnp.float32(probe))

    gradient = jax.grad(loss)(trained)["dense"]["kernel"]
    v = np.float64(tree["dense"]["kernel"])
    size = norms(v)
    by_gain = (probe * v).sum(0) / size
    # g / ||v|| = 1 at the start.
    by_direction = probe - by_gain * v / size
    np.testing.assert_allclose(gradient.gain, by_gain, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(gradient.direction, by_direction, rtol=1e-5, atol=1e-6)


def test_gain_can_be_learned():
    transform = transforms.weight_norm()
    trained = transform.parametrize({"dense": params()["dense"]})
    target = 3.0 * params()["dense"]["kernel"]
    tx = optax.sgd(0.2)
    opt = tx.init(trained)

    @jax.jit
    def step(p, opt):
        gradient = jax.grad(
            lambda p: jnp.sum(
                jnp.square(transform.apply(p, {})["dense"]["kernel"] - target)
            )
        )(p)
        updates, opt = tx.update(gradient, opt, p)
        return optax.apply_updates(p, updates), opt

    for _ in range(60):
        trained, opt = step(trained, opt)
    np.testing.assert_allclose(trained["dense"]["kernel"].gain, norms(target), rtol=1e-4)


def test_plain_kernels_keep_the_norms_they_had_at_init():
    transform, tree = transforms.weight_norm(), params()
    state = transform.init(tree, KEY)
    assert set(state) == {"conv/kernel", "dense/kernel"}
    moved = jax.tree.map(lambda x: 2.0 * x + 1.0, tree)
    effective = transform.apply(moved, transform.update(moved, state))
    for layer in ("conv", "dense"):
        kernel = np.float64(moved[layer]["kernel"])
        expected = kernel / norms(kernel) * norms(tree[layer]["kernel"])
        np.testing.assert_allclose(effective[layer]["kernel"], expected, rtol=1e-5)
    np.testing.assert_array_equal(effective["constant"], moved["constant"])


def test_masked_and_chained():
    transform = transforms.chain(
        transforms.masked(transforms.weight_norm(), lambda path, x: "conv" in path),
        transforms.spectral_norm(where=transforms.kernels, iterations=100),
    )
    tree = params()
    trained = transform.parametrize(tree)
    assert isinstance(trained["conv"]["kernel"], transforms.DirectionGain)
    np.testing.assert_array_equal(trained["dense"]["kernel"], tree["dense"]["kernel"])
    state = transform.update(trained, transform.init(trained, KEY))
    effective = transform.apply(trained, state)
    for layer in ("conv", "dense"):
        kernel = np.float64(tree[layer]["kernel"]).reshape(-1, tree[layer]["bias"].size)
        expected = kernel / np.linalg.svd(kernel)[1][0]
        np.testing.assert_allclose(
            effective[layer]["kernel"].reshape(expected.shape),
            expected,
            rtol=1e-4,
            atol=1e-6,
        )


def test_zero_directions_give_zeros_and_no_nan():
    transform = transforms.weight_norm()
    trained = transform.parametrize({"kernel": jnp.zeros((3, 2), jnp.float32)})
    value, gradient = jax.value_and_grad(
        lambda p: jnp.sum(transform.apply(p, {})["kernel"])
    )(trained)
    assert value == 0.0
    for leaf in jax.tree.leaves(gradient):
        np.testing.assert_array_equal(leaf, np.zeros_like(leaf))


@pytest.mark.parametrize("call", ["parametrize", "init"])
def test_nothing_selected_is_an_error(call):
    transform = transforms.weight_norm()
    arguments = ({"weights": jnp.ones((2, 2))}, KEY)[: 1 if call == "parametrize" else 2]
    with pytest.raises(ValueError, match="weight_norm found no parameter"):
        getattr(transform, call)(*arguments)
