"""Combinators: order, masks, structure."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gan_jax import transforms
from gan_jax.types import ParamTransform

KEY = jax.random.key(0)


def params(seed=0):
    rng = np.random.default_rng(seed)

    def normal(*shape):
        return jnp.float32(rng.standard_normal(shape))

    return {
        "conv": {"kernel": normal(3, 3, 2, 4), "bias": normal(4)},
        "dense": {"kernel": normal(5, 3), "bias": normal(3)},
        "constant": normal(2, 2, 3),
        "strength": normal(),
    }


def affine(scale, shift):
    """A counting transform: x * scale + shift * count, so that order and state show."""

    def apply(tree, state):
        return jax.tree.map(lambda x: x * scale + shift * state.astype(jnp.float32), tree)

    return ParamTransform(
        init=lambda tree, key: jnp.ones((), jnp.int32),
        update=lambda tree, state: state + 1,
        apply=apply,
    )


def recorder():
    """A transform whose state is the parameters it was shown, by init and by update."""
    return ParamTransform(
        init=lambda tree, key: tree,
        update=lambda tree, state: tree,
        apply=lambda tree, state: tree,
    )


def assert_equal(a, b):
    assert jax.tree.structure(a) == jax.tree.structure(b)
    jax.tree.map(np.testing.assert_array_equal, a, b)


def conv_kernel(path, leaf):
    return path == "conv/kernel"


def everything():
    return transforms.chain(
        transforms.masked(transforms.weight_norm(), lambda p, x: p.startswith("dense")),
        transforms.equalized_lr(gain=2.0**0.5, where=conv_kernel, lr_mult=0.5),
        transforms.masked(transforms.spectral_norm(), lambda p, x: x.ndim > 2),
        transforms.identity(),
    )


def test_identity_changes_nothing():
    transform = transforms.identity()
    state = transform.init(params(), KEY)
    assert state == ()
    assert transform.update(params(), state) == ()
    assert_equal(transform.apply(params(), state), params())
    assert_equal(transform.parametrize(params()), params())


def test_chain_applies_the_first_first():
    first, second = affine(2.0, 10.0), affine(3.0, 100.0)
    tree = params()
    for transform, expected in (
        (transforms.chain(first, second), lambda x: (x * 2.0 + 10.0) * 3.0 + 100.0),
        (transforms.chain(second, first), lambda x: (x * 3.0 + 100.0) * 2.0 + 10.0),
    ):
        state = transform.init(tree, KEY)
        assert_equal(transform.apply(tree, state), jax.tree.map(expected, tree))


def test_later_transforms_see_what_earlier_ones_just_made():
    transform = transforms.chain(affine(2.0, 10.0), recorder())
    tree = params()
    state = transform.init(tree, KEY)
    assert_equal(state[1], jax.tree.map(lambda x: x * 2.0 + 10.0, tree))
    # The first one's update comes first: its count is 2.
    new = transform.update(tree, state)
    assert_equal(new[1], jax.tree.map(lambda x: x * 2.0 + 20.0, tree))


def test_equal_parts_of_a_chain_draw_differently():
    transform = transforms.chain(transforms.spectral_norm(), transforms.spectral_norm())
    alone = transforms.spectral_norm().init(params(), KEY)
    first, second = (s["constant"]["v"] for s in transform.init(params(), KEY))
    for other in (second, alone["constant"]["v"]):
        assert np.abs(np.float32(first - other)).max() > 1e-7


def test_chain_refuses_the_state_of_another():
    transform = transforms.chain(transforms.identity(), transforms.identity())
    with pytest.raises(ValueError, match="shorter"):
        transform.apply(params(), ((),))


def test_parametrize_of_a_chain_is_its_inverse():
    # The network's kernel must come out again: b is undone before a.
    half = transforms.identity()._replace(
        apply=lambda p, s: jax.tree.map(lambda x: x * 0.5, p),
        parametrize=lambda p: jax.tree.map(lambda x: x * 2.0, p),
    )
    plus = transforms.identity()._replace(
        apply=lambda p, s: jax.tree.map(lambda x: x + 4.0, p),
        parametrize=lambda p: jax.tree.map(lambda x: x - 4.0, p),
    )
    tree = jax.tree.map(jnp.round, params())
    for transform in (transforms.chain(half, plus), transforms.chain(plus, half)):
        trained = transform.parametrize(tree)
        assert_equal(transform.apply(trained, transform.init(trained, KEY)), tree)


def test_masked_leaves_the_rest_bit_unchanged():
    transform = transforms.masked(affine(2.0, 10.0), conv_kernel)
    tree = params()
    state = transform.update(tree, transform.init(tree, KEY))
    expected = params()
    expected["conv"]["kernel"] = expected["conv"]["kernel"] * 2.0 + 20.0
    assert_equal(transform.apply(tree, state), expected)


def test_masked_state_covers_the_selected_leaves_only():
    transform = transforms.masked(recorder(), conv_kernel)
    tree = params()
    state = transform.init(tree, KEY)
    assert_equal(jax.tree.leaves(state), [tree["conv"]["kernel"]])
    assert_equal(jax.tree.leaves(transform.update(tree, state)), [tree["conv"]["kernel"]])


def test_masked_draws_as_if_unmasked():
    masked = transforms.masked(transforms.spectral_norm(), conv_kernel)
    state = masked.init(params(), KEY)
    assert set(state) == {"conv/kernel"}
    assert_equal(
        state["conv/kernel"], transforms.spectral_norm().init(params(), KEY)["conv/kernel"]
    )


def test_masked_gradients_flow_through_both_parts():
    transform = transforms.masked(affine(2.0, 0.0), conv_kernel)
    tree = params()
    state = transform.init(tree, KEY)

    def total(p):
        return sum(jnp.sum(x) for x in jax.tree.leaves(transform.apply(p, state)))

    expected = jax.tree.map(jnp.ones_like, tree)
    expected["conv"]["kernel"] = 2.0 * expected["conv"]["kernel"]
    assert_equal(jax.grad(total)(tree), expected)


def test_everything_together_is_a_fixed_point_and_what_its_parts_are():
    transform, tree = everything(), params()
    trained = transform.parametrize(tree)
    state = transform.init(trained, KEY)
    new = jax.jit(transform.update)(trained, state)
    assert jax.tree.structure(new) == jax.tree.structure(state)
    shapes = [jax.tree.map(lambda x: (x.shape, x.dtype), s) for s in (state, new)]
    assert shapes[0] == shapes[1]
    effective = jax.jit(transform.apply)(trained, new)
    assert jax.tree.structure(effective) == jax.tree.structure(tree)
    conv = tree["conv"]["kernel"]
    spectrum = np.linalg.svd(np.float64(conv).reshape(-1, 4))[1]
    np.testing.assert_allclose(effective["conv"]["kernel"], conv / spectrum[0], rtol=0.03)
    np.testing.assert_allclose(
        effective["dense"]["kernel"], tree["dense"]["kernel"], rtol=1e-6
    )
    np.testing.assert_array_equal(effective["dense"]["bias"], tree["dense"]["bias"] * 0.5)
    np.testing.assert_array_equal(effective["strength"], tree["strength"])


def test_predicates():
    matrix, vector = jnp.ones((2, 3)), jnp.ones((3,))
    assert transforms.matrices("a/embedding", matrix)
    assert not transforms.matrices("a/kernel", vector)
    assert transforms.kernels("a/kernel", matrix)
    assert not transforms.kernels("a/embedding", matrix)
    assert not transforms.kernels("kernel/scale", matrix)
    assert not transforms.kernels("a/kernel", vector)


@pytest.mark.parametrize(
    "transform",
    [transforms.spectral_norm(), transforms.conv_spectral_norm((5, 5))],
    ids=["matrix", "convolution"],
)
def test_a_second_init_compiles_nothing(transform, caplog):
    first, second = ({name: {"kernel": jnp.ones((3, 3, 2, 4))}} for name in "ab")
    transform.init(first, KEY)
    with jax.log_compiles():
        jax.jit(lambda x: x + 1.0)(1.0)
        assert "Compiling" in caplog.text
        caplog.clear()
        transform.init(second, KEY)
    assert "Compiling" not in caplog.text
