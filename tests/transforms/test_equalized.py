"""Equalised learning rate: scales, variances, step sizes."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from gan_jax import transforms

KEY = jax.random.key(0)


def params():
    rng = np.random.default_rng(0)

    def normal(*shape):
        return jnp.float32(rng.standard_normal(shape))

    return {
        "mapping": {"kernel": normal(8, 4), "bias": normal(4)},
        "conv": {"kernel": normal(3, 3, 2, 5), "bias": normal(5)},
        "to_rgb": {"kernel": normal(1, 1, 5, 3), "bias": normal(3)},
        "constant": normal(4, 4, 5),
        "noise": {"strength": normal()},
    }


def test_every_leaf_has_its_own_scale():
    transform = transforms.equalized_lr(
        gain=lambda path: 1.0 if path.startswith("to_rgb") else math.sqrt(2.0),
        lr_mult=lambda path: 0.01 if path.startswith("mapping") else 1.0,
    )
    tree = params()
    state = transform.init(tree, KEY)
    assert state == ()
    assert transform.update(tree, state) == ()
    effective = transform.apply(tree, state)
    scales = {
        "mapping": {"kernel": 0.01 * math.sqrt(2 / 8), "bias": 0.01},
        "conv": {"kernel": math.sqrt(2 / 18), "bias": 1.0},
        "to_rgb": {"kernel": math.sqrt(1 / 5), "bias": 1.0},
        "constant": 1.0,
        "noise": {"strength": 1.0},
    }
    expected = jax.tree.map(lambda x, s: np.float64(x) * s, tree, scales)
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-6), effective, expected
    )
    np.testing.assert_array_equal(effective["constant"], tree["constant"])


@pytest.mark.parametrize("lr_mult", [1.0, 0.01])
def test_unit_normal_inputs_give_unit_variance(lr_mult):
    # 256 inputs, 4096 outputs over 64 x 64; the mean square of n = 4096 unit normals has a
    # deviation of about sqrt(2 / n) = 0.022, doubled by shared weights. Seeds 0, bound 0.1.
    rng = np.random.default_rng(0)
    kernel = rng.standard_normal((256, 64)) / lr_mult
    x = jnp.float32(rng.standard_normal((64, 256)))
    transform = transforms.equalized_lr(lr_mult=lr_mult)
    weights = transform.apply({"kernel": jnp.float32(kernel)}, ())["kernel"]
    np.testing.assert_allclose(jnp.var(x @ weights), 1.0, atol=0.1)
    relu = transforms.equalized_lr(gain=math.sqrt(2.0), lr_mult=lr_mult)
    weights = relu.apply({"kernel": jnp.float32(kernel)}, ())["kernel"]
    np.testing.assert_allclose(
        jnp.mean(jnp.square(jax.nn.relu(x) @ weights)), 1.0, atol=0.1
    )


def test_adam_moves_kernels_of_any_size_equally():
    # Adam's first step is its rate, whatever the gradient; so the effective kernel moves by
    # rate * gain / sqrt(fan_in), the same share of its own standard deviation in each.
    transform, tx, tree = transforms.equalized_lr(), optax.adam(0.1, eps=0.0), params()
    gradient = jax.grad(
        lambda p: sum(jnp.sum(x) for x in jax.tree.leaves(transform.apply(p, ())))
    )(tree)
    # optax raises a float to an integer power here.
    with jax.numpy_dtype_promotion("standard"):
        updates, _ = tx.update(gradient, tx.init(tree))
    moved = optax.apply_updates(tree, updates)
    before, after = transform.apply(tree, ()), transform.apply(moved, ())
    for layer, fan_in in {"mapping": 8, "conv": 18, "to_rgb": 5}.items():
        step = after[layer]["kernel"] - before[layer]["kernel"]
        np.testing.assert_allclose(step * math.sqrt(fan_in), -0.1, rtol=1e-4)


def test_multipliers_by_prefix_for_leaves_of_any_name():
    transform = transforms.equalized_lr(
        unscaled=lambda path, x: not path.endswith("kernel"),
        lr_mult=transforms.by_prefix(
            {
                "mapping": 0.01,
                "mapping/bias": 0.5,
                "con": 7.0,
                "noise/": 3.0,
                "constant": 2.0,
            }
        ),
    )
    tree = params()
    scales = {
        "mapping": {"kernel": 0.01 / math.sqrt(8), "bias": 0.5},
        "conv": {"kernel": 1 / math.sqrt(18), "bias": 1.0},
        "to_rgb": {"kernel": 1 / math.sqrt(5), "bias": 1.0},
        "constant": 2.0,
        "noise": {"strength": 3.0},
    }
    jax.tree.map(
        lambda x, a, s: np.testing.assert_allclose(a, np.float64(x) * s, rtol=1e-6),
        tree,
        transform.apply(tree, ()),
        scales,
    )
    assert transforms.by_prefix({"a": 2.0}, default=0.0)("b/kernel") == 0.0


def test_nothing_selected_is_an_error():
    with pytest.raises(ValueError, match="equalized_lr found no parameter"):
        transforms.equalized_lr().init({"weights": jnp.ones((2, 2))}, KEY)
