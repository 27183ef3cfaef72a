"""Spectral normalisation against the SVD, finite differences and PyTorch."""

from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gan_jax import transforms, trees

GOLDEN = np.load(
    Path(__file__).parents[1] / "golden/09_spectral_norm.npz", allow_pickle=False
)
KEY = jax.random.key(0)
KERNELS = {"conv/kernel": (3, 3, 2, 5), "dense/kernel": (7, 4), "table/embedding": (6, 3)}


def params(seed=0, dtype=jnp.float32):
    rng = np.random.default_rng(seed)
    tree = {"conv": {}, "dense": {}, "table": {}}
    for path, shape in KERNELS.items():
        layer, name = path.split("/")
        tree[layer][name] = jnp.asarray(rng.standard_normal(shape), dtype)
        tree[layer]["bias"] = jnp.asarray(rng.standard_normal(shape[-1]), dtype)
    return tree


def leaf(tree, path):
    layer, name = path.split("/")
    return tree[layer][name]


def top_singular_value(kernel):
    return np.linalg.svd(np.float64(kernel).reshape(-1, kernel.shape[-1]))[1][0]


def iterated(transform, tree, state, n):
    update = jax.jit(transform.update)
    for _ in range(n):
        state = update(tree, state)
    return state


def test_every_kernel_has_norm_one_after_moving_weights_and_iterating():
    transform = transforms.spectral_norm()
    state = transform.init(params(0), KEY)
    moved = jax.tree.map(lambda a, b: a + 0.5 * b, params(0), params(1))
    state = iterated(transform, moved, state, 200)
    effective = transform.apply(moved, state)
    for path in KERNELS:
        kernel = leaf(moved, path)
        expected = np.float64(kernel) / top_singular_value(kernel)
        np.testing.assert_allclose(leaf(effective, path), expected, rtol=1e-4, atol=1e-6)
        for vector in state[path].values():
            np.testing.assert_allclose(jnp.linalg.norm(vector), 1.0, rtol=1e-6)
    for layer in ("conv", "dense", "table"):
        np.testing.assert_array_equal(effective[layer]["bias"], moved[layer]["bias"])


def test_state_right_after_init_is_close_and_stable_under_other_leaves():
    transform = transforms.spectral_norm()
    tree = params(0)
    state = transform.init(tree, KEY)
    for path in KERNELS:
        sigma = leaf(tree, path) / leaf(transform.apply(tree, state), path)
        true = top_singular_value(leaf(tree, path))
        # 15 iterations from a random start (key 0): sigma is a lower bound, within 5%.
        np.testing.assert_allclose(sigma.mean(), 0.975 * true, rtol=0.026)
    alone = transform.init({"dense": tree["dense"]}, KEY)
    assert set(alone) == {"dense/kernel"}
    np.testing.assert_array_equal(alone["dense/kernel"]["u"], state["dense/kernel"]["u"])
    other = transform.init(tree, jax.random.key(1))["table/embedding"]["v"]
    assert not np.array_equal(other, state["table/embedding"]["v"])


def test_update_keeps_structure_shapes_and_types():
    transform = transforms.spectral_norm(iterations=2)
    tree = params(0)
    state = transform.init(tree, KEY)
    new = transform.update(tree, state)
    assert jax.tree.structure(new) == jax.tree.structure(state)
    assert jax.tree.map(jnp.shape, new) == jax.tree.map(jnp.shape, state)
    assert {x.dtype for x in jax.tree.leaves(new)} == {jnp.dtype(jnp.float32)}
    assert {path: (v["u"].size, v["v"].size) for path, v in new.items()} == {
        "conv/kernel": (5, 18),
        "dense/kernel": (4, 7),
        "table/embedding": (6, 3),
    }


def test_iterations_are_updates():
    one, three = transforms.spectral_norm(), transforms.spectral_norm(iterations=3)
    tree = params(0)
    state = one.init(params(1), KEY)
    once, thrice = iterated(one, tree, state, 3), three.update(tree, state)
    for a, b in zip(jax.tree.leaves(once), jax.tree.leaves(thrice), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-7)


def test_gradient_against_float64_differences_at_any_vectors():
    # Vectors of other weights: sigma is far from the norm, and the formula must still hold.
    transform = transforms.spectral_norm()
    with jax.enable_x64(True):
        tree = params(0, jnp.float64)
        state = transform.init(params(1, jnp.float64), KEY)
        assert state["conv/kernel"]["u"].dtype == jnp.float64
        probe = params(2, jnp.float64)

        @jax.jit
        def loss(p):
            pairs = zip(
                jax.tree.leaves(transform.apply(p, state)),
                jax.tree.leaves(probe),
                strict=True,
            )
            return sum(jnp.sum(a * b) for a, b in pairs)

        gradient = jax.grad(loss)(tree)
        direction = params(3, jnp.float64)
        for path in KERNELS:
            move = jax.tree.map(jnp.zeros_like, direction)
            layer, name = path.split("/")
            move[layer][name] = leaf(direction, path)
            up, down = (
                loss(jax.tree.map(lambda a, b, s=s: a + s * b, tree, move))
                for s in (1e-6, -1e-6)
            )
            slope = jnp.sum(leaf(gradient, path) * leaf(direction, path))
            np.testing.assert_allclose((up - down) / 2e-6, slope, rtol=1e-6)


def test_gradient_is_orthogonal_to_the_weights():
    # W / sigma does not change with the scale of W, so <grad, W> = 0 for any vectors.
    transform = transforms.spectral_norm()
    tree, probe = params(0), params(2)
    state = iterated(transform, tree, transform.init(tree, KEY), 50)

    def loss(p):
        effective = transform.apply(p, state)
        return sum(jnp.sum(leaf(effective, path) * leaf(probe, path)) for path in KERNELS)

    gradient = jax.grad(loss)(tree)
    for path in KERNELS:
        g, w = np.float64(leaf(gradient, path)), np.float64(leaf(tree, path))
        size = np.linalg.norm(g) * np.linalg.norm(w)
        assert size > 1.0
        np.testing.assert_allclose((g * w).sum() / size, 0.0, atol=1e-6)


def test_vectors_are_constants_of_the_gradient():
    transform = transforms.spectral_norm()
    tree = params(0)
    state = transform.init(tree, KEY)

    def through_state(s):
        return sum(jnp.sum(x) for x in jax.tree.leaves(transform.apply(tree, s)))

    def through_update(p):
        return sum(jnp.sum(x) for x in jax.tree.leaves(transform.update(p, state)))

    for gradient in (jax.grad(through_state)(state), jax.grad(through_update)(tree)):
        for x in jax.tree.leaves(gradient):
            np.testing.assert_array_equal(x, np.zeros_like(x))


def test_a_kernel_of_zeros_passes_and_recovers():
    transform = transforms.spectral_norm()
    tree = params(0)
    tree["dense"]["kernel"] = jnp.zeros((7, 4), jnp.float32)
    state = transform.update(tree, transform.init(tree, KEY))
    np.testing.assert_array_equal(transform.apply(tree, state)["dense"]["kernel"], 0.0)
    gradient = jax.grad(lambda p: jnp.sum(transform.apply(p, state)["dense"]["kernel"]))(
        tree
    )
    np.testing.assert_array_equal(gradient["dense"]["kernel"], np.ones((7, 4)))
    state = iterated(transform, params(0), state, 200)
    effective = transform.apply(params(0), state)["dense"]["kernel"]
    np.testing.assert_allclose(top_singular_value(effective), 1.0, rtol=1e-5)


def test_low_precision_kernels_keep_their_type_and_float32_vectors():
    transform = transforms.spectral_norm()
    tree = params(0, jnp.bfloat16)
    state = iterated(transform, tree, transform.init(tree, KEY), 200)
    effective = transform.apply(tree, state)
    for path in KERNELS:
        assert leaf(effective, path).dtype == jnp.bfloat16
        assert state[path]["u"].dtype == jnp.float32
        expected = np.float64(leaf(tree, path)) / top_singular_value(leaf(tree, path))
        np.testing.assert_allclose(np.float64(leaf(effective, path)), expected, rtol=2**-8)


def test_where_selects():
    transform = transforms.spectral_norm(where=lambda path, x: path == "conv/kernel")
    tree = params(0)
    state = transform.init(tree, KEY)
    assert set(state) == {"conv/kernel"}
    effective = dict(trees.leaves_with_path(transform.apply(tree, state)))
    changed = {
        p for p, x in trees.leaves_with_path(tree) if not np.array_equal(x, effective[p])
    }
    assert changed == {"conv/kernel"}


def test_bad_arguments():
    with pytest.raises(ValueError, match="1 or more iterations, got 0"):
        transforms.spectral_norm(iterations=0)
    with pytest.raises(ValueError, match="spectral_norm found no parameter"):
        transforms.spectral_norm().init({"bias": jnp.ones(3)}, KEY)


# Several vectors ------------------------------------------------------------------------


def all_singular_values(kernel):
    return np.linalg.svd(np.float64(kernel).reshape(-1, kernel.shape[-1]))[1]


def test_several_vectors_find_the_largest_values_in_order():
    transform = transforms.spectral_norm(vectors=3)
    tree = params(0)
    state = iterated(transform, tree, transform.init(params(1), KEY), 150)
    values = transforms.singular_values(tree, state)
    assert set(values) == set(KERNELS)
    for path in KERNELS:
        exact = all_singular_values(leaf(tree, path))[:3]
        np.testing.assert_allclose(values[path], exact, rtol=1e-4)
        for vectors in state[path].values():
            np.testing.assert_allclose(vectors.T @ vectors, np.eye(3), atol=1e-5)
        expected = np.float64(leaf(tree, path)) / exact[0]
        effective = leaf(transform.apply(tree, state), path)
        np.testing.assert_allclose(effective, expected, rtol=1e-4, atol=1e-6)


def test_more_vectors_than_singular_values_give_all_of_them_at_once():
    # A block as wide as the matrix spans its whole space: one update is exact.
    transform = transforms.spectral_norm(vectors=9)
    tree = params(0)
    state = transform.update(tree, transform.init(params(1), KEY))
    values = transforms.singular_values(tree, state)
    for path, count in {"conv/kernel": 5, "dense/kernel": 4, "table/embedding": 3}.items():
        exact = all_singular_values(leaf(tree, path))
        assert values[path].shape == exact.shape == (count,)
        np.testing.assert_allclose(values[path], exact, rtol=1e-4)


def test_one_vectors_values_are_what_it_divides_by():
    transform, tree = transforms.spectral_norm(), params(0)
    state = transform.init(tree, KEY)
    values = transforms.singular_values(tree, state)
    for path in KERNELS:
        ratio = leaf(tree, path) / leaf(transform.apply(tree, state), path)
        assert values[path].shape == (1,)
        np.testing.assert_allclose(ratio.mean(), values[path][0], rtol=1e-5)


def test_a_block_keeps_its_vectors_through_zeros_and_is_finite_in_bfloat16():
    transform = transforms.spectral_norm(vectors=2)
    tree = params(0, jnp.bfloat16)
    state = transform.init(tree, KEY)
    zeros = jax.tree.map(jnp.zeros_like, tree)
    kept = transform.update(zeros, state)
    jax.tree.map(np.testing.assert_array_equal, kept, state)
    jax.tree.map(np.testing.assert_array_equal, transform.apply(zeros, kept), zeros)
    state = iterated(transform, tree, state, 100)
    for path in KERNELS:
        assert state[path]["u"].dtype == jnp.float32
        exact = all_singular_values(leaf(tree, path))[:2]
        found = transforms.singular_values(tree, state)[path]
        np.testing.assert_allclose(found, exact, rtol=1e-3)


# PyTorch --------------------------------------------------------------------------------


def from_torch(case, weight):
    """A PyTorch weight in this library's layout, under the name that fixes its reading."""
    if case.startswith("emb"):
        return {"embedding": weight}
    if case.startswith("convT"):
        return {"kernel": weight.transpose(2, 3, 0, 1)}
    return {"kernel": weight.transpose(*range(2, weight.ndim), 1, 0)}


def input_vector(case, v):
    """PyTorch's v, over (in, height, width), in the order (height, width, in)."""
    shape = GOLDEN[f"in/{case}/W"].shape
    inputs = shape[0] if case.startswith("convT") else shape[1]
    if case.startswith("emb") or len(shape) == 2:
        return v
    return v.reshape(inputs, *shape[2:]).transpose(1, 2, 0).reshape(-1)


CASES = ["lin_8x5", "lin_5x12", "conv_6x3x3x3", "conv_4x8x1x1", "convT_3x6x4x4", "emb_7x4"]


@pytest.mark.parametrize("case", CASES)
def test_training_steps_and_evaluation_are_pytorchs(case):
    tree = jax.tree.map(jnp.asarray, from_torch(case, GOLDEN[f"in/{case}/W"]))
    (path,) = tree
    v = jnp.zeros(tree[path].size // GOLDEN[f"in/{case}/u"].size, jnp.float32)
    start = {path: {"u": jnp.asarray(GOLDEN[f"in/{case}/u"]), "v": v}}
    for n in (1, 3, 50):
        transform = transforms.spectral_norm(iterations=n)
        state = transform.update(tree, start)
        out = f"out/{case}/n{n}"
        close = {"rtol": 1e-4, "atol": 1e-5}
        np.testing.assert_allclose(state[path]["u"], GOLDEN[f"{out}/u"], **close)
        np.testing.assert_allclose(
            state[path]["v"], input_vector(case, GOLDEN[f"{out}/v"]), **close
        )
        effective = transform.apply(tree, state)[path]
        expected = from_torch(case, GOLDEN[f"{out}/weight"])[path]
        np.testing.assert_allclose(effective, expected, **close)
        if n == 1:
            # Evaluation uses the stored vectors as they are.
            expected = from_torch(case, GOLDEN[f"{out}/weight_eval_after"])[path]
            np.testing.assert_allclose(effective, expected, **close)


@pytest.mark.parametrize("case", CASES)
def test_gradient_is_pytorchs(case):
    weight = GOLDEN[f"in/{case}/W"]
    probe = np.linspace(-1, 1, weight.size, dtype=np.float32).reshape(weight.shape)
    tree = jax.tree.map(jnp.asarray, from_torch(case, weight))
    probe = from_torch(case, probe)
    (path,) = tree
    out = f"out/{case}/n1"
    state = {
        path: {
            "u": jnp.asarray(GOLDEN[f"{out}/u"]),
            "v": jnp.asarray(input_vector(case, GOLDEN[f"{out}/v"])),
        }
    }
    transform = transforms.spectral_norm()
    gradient = jax.grad(lambda p: jnp.sum(transform.apply(p, state)[path] * probe[path]))(
        tree
    )
    expected = from_torch(case, GOLDEN[f"out/{case}/grad_W"])[path]
    np.testing.assert_allclose(gradient[path], expected, rtol=1e-4, atol=1e-5)
