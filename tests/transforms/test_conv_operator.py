"""Norms of convolutions: against dense matrices of the operators, and closed forms."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

from gan_jax import transforms

KEY = jax.random.key(0)
IMAGE = (3, 4)
KERNELS = {"odd": (3, 3, 2, 3), "even": (2, 4, 3, 2), "large": (5, 3, 1, 2)}
UNTIL = transforms.UntilConvergence()


def params(seed=0, dtype=jnp.float32):
    rng = np.random.default_rng(seed)
    tree = {
        name: {"kernel": jnp.asarray(rng.standard_normal(shape), dtype)}
        for name, shape in KERNELS.items()
    }
    return tree | {"dense": {"kernel": jnp.asarray(rng.standard_normal((6, 3)), dtype)}}


def convolve(kernel, x, circular):
    """What a network computes: "SAME" by zeros, or by what comes round."""
    padding = "SAME"
    if circular:
        pads = [((k - 1) // 2, k // 2) for k in kernel.shape[:2]]
        x = np.pad(x, [(0, 0), *pads, (0, 0)], mode="wrap")
        padding = "VALID"
    names = ("NHWC", "HWIO", "NHWC")
    return lax.conv_general_dilated(
        jnp.asarray(x), kernel, (1, 1), padding, dimension_numbers=names
    )


def dense(kernel, circular, image=IMAGE):
    """The matrix of the operator, float64 (inputs, outputs)."""
    n = image[0] * image[1] * kernel.shape[2]
    basis = np.eye(n, dtype=np.float32).reshape(n, *image, kernel.shape[2])
    return np.float64(convolve(kernel, basis, circular)).reshape(n, -1)


def norm(kernel, circular, image=IMAGE):
    return np.linalg.svd(dense(kernel, circular, image))[1][0]


def jitted(transform):
    """Three programs in place of hundreds of small ones."""
    return transform._replace(
        init=jax.jit(transform.init),
        update=jax.jit(transform.update),
        apply=jax.jit(transform.apply),
    )


TRANSFORMS = {
    "padded": (jitted(transforms.conv_spectral_norm(IMAGE, iterations=UNTIL)), False),
    "circular": (jitted(transforms.circular_spectral_norm(IMAGE)), True),
}


@pytest.mark.parametrize("name", KERNELS)
def test_all_singular_values_of_the_circular_convolution(name):
    kernel = params()[name]["kernel"]
    found = transforms.circular_singular_values(kernel, IMAGE)
    assert found.shape == (*IMAGE, min(kernel.shape[2:]))
    exact = np.linalg.svd(dense(kernel, True))[1]
    np.testing.assert_allclose(
        np.sort(np.ravel(found))[::-1], exact[: found.size], rtol=1e-4, atol=1e-4
    )


@pytest.mark.parametrize("which", TRANSFORMS)
def test_every_operator_has_norm_one_after_an_update(which):
    transform, circular = TRANSFORMS[which]
    tree = params(0)
    state = transform.init(params(1), KEY)
    assert {path: (v["u"].shape, v["v"].shape) for path, v in state.items()} == {
        f"{name}/kernel": ((*IMAGE, shape[3]), (*IMAGE, shape[2]))
        for name, shape in KERNELS.items()
    }
    new = transform.update(tree, state)
    assert jax.tree.structure(new) == jax.tree.structure(state)
    effective = transform.apply(tree, new)
    for name in KERNELS:
        kernel = np.float64(tree[name]["kernel"])
        expected = kernel / norm(tree[name]["kernel"], circular)
        np.testing.assert_allclose(effective[name]["kernel"], expected, rtol=2e-4)
        for vector in new[f"{name}/kernel"].values():
            assert vector.dtype == jnp.float32
            np.testing.assert_allclose(jnp.linalg.norm(vector.ravel()), 1.0, rtol=1e-5)
    np.testing.assert_array_equal(effective["dense"]["kernel"], tree["dense"]["kernel"])


@pytest.mark.parametrize("image", [(1, 1), (2, 5), (6, 4)])
def test_circular_vectors_at_frequencies_that_mirror_themselves(image):
    # Kernels that pick a frequency: constant, alternating along either axis or both.
    transform = jitted(transforms.circular_spectral_norm(image))
    signs = np.array([[1, 1], [1, -1]])
    for row in signs:
        for column in signs:
            pattern = np.outer(np.resize(row, 3), np.resize(column, 3))
            rng = np.random.default_rng(0)
            mix = rng.standard_normal((2, 2))
            kernel = jnp.float32(pattern[:, :, None, None] * mix)
            state = transform.init({"kernel": kernel}, KEY)
            effective = transform.apply({"kernel": kernel}, state)["kernel"]
            expected = np.float64(kernel) / norm(kernel, True, image)
            np.testing.assert_allclose(effective, expected, rtol=1e-4, atol=1e-6)


def test_power_iterations_are_counted_and_approach_from_below():
    tree = params(0)
    one = jitted(transforms.conv_spectral_norm(IMAGE))
    three = jitted(transforms.conv_spectral_norm(IMAGE, iterations=3))
    state = one.init(tree, KEY)
    thrice = state
    for _ in range(3):
        thrice = one.update(tree, thrice)
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6),
        three.update(tree, state),
        thrice,
    )
    sigma = tree["odd"]["kernel"] / one.apply(tree, state)["odd"]["kernel"]
    true = norm(tree["odd"]["kernel"], False)
    # 15 iterations from a random start (key 0): a lower bound, within 5%.
    np.testing.assert_allclose(sigma.mean(), 0.975 * true, rtol=0.026)


@pytest.mark.parametrize("which", TRANSFORMS)
def test_gradient_against_float64_differences_at_any_vectors(which):
    transform, _ = TRANSFORMS[which]
    with jax.enable_x64(True):
        tree = params(0, jnp.float64)
        state = transform.init(params(1, jnp.float64), KEY)
        assert state["odd/kernel"]["u"].dtype == jnp.float64
        probe, direction = params(2, jnp.float64), params(3, jnp.float64)

        def loss(p):
            pairs = zip(
                jax.tree.leaves(transform.apply(p, state)),
                jax.tree.leaves(probe),
                strict=True,
            )
            return sum(jnp.sum(a * b) for a, b in pairs)

        loss, slope_of = jax.jit(loss), jax.jit(jax.grad(loss))
        gradient = slope_of(tree)
        for name in KERNELS:
            move = jax.tree.map(jnp.zeros_like, direction)
            move[name] = direction[name]
            up, down = (
                loss(jax.tree.map(lambda a, b, s=s: a + s * b, tree, move))
                for s in (1e-6, -1e-6)
            )
            slope = jnp.sum(gradient[name]["kernel"] * direction[name]["kernel"])
            np.testing.assert_allclose((up - down) / 2e-6, slope, rtol=1e-5)


def test_vectors_are_constants_of_the_gradient():
    for transform, _ in TRANSFORMS.values():
        tree = params(0)
        state = transform.init(tree, KEY)

        def through_state(s, tree=tree, transform=transform):
            return sum(jnp.sum(x) for x in jax.tree.leaves(transform.apply(tree, s)))

        for x in jax.tree.leaves(jax.jit(jax.grad(through_state))(state)):
            np.testing.assert_array_equal(x, np.zeros_like(x))


def test_image_sizes_by_path_and_chained_with_the_dense_kernels():
    sizes = {"odd": (6, 6), "even": (3, 3), "large": (2, 7)}
    transform = jitted(
        transforms.chain(
            transforms.circular_spectral_norm(lambda path: sizes[path.split("/")[0]]),
            transforms.spectral_norm(where=lambda path, x: x.ndim == 2, iterations=UNTIL),
        )
    )
    tree = params(0)
    effective = transform.apply(tree, transform.update(tree, transform.init(tree, KEY)))
    for name, size in sizes.items():
        kernel = effective[name]["kernel"]
        np.testing.assert_allclose(norm(kernel, True, size), 1.0, rtol=1e-4)
    values = np.linalg.svd(np.float64(effective["dense"]["kernel"]))[1]
    np.testing.assert_allclose(values[0], 1.0, rtol=1e-4)


@pytest.mark.parametrize("which", TRANSFORMS)
def test_zeros_pass_and_low_precision_keeps_its_type(which):
    transform, circular = TRANSFORMS[which]
    zeros = jax.tree.map(jnp.zeros_like, params(0))
    state = transform.update(zeros, transform.init(params(0), KEY))
    jax.tree.map(np.testing.assert_array_equal, transform.apply(zeros, state), zeros)
    half = params(0, jnp.bfloat16)
    state = transform.update(half, state)
    for name in KERNELS:
        kernel = transform.apply(half, state)[name]["kernel"]
        assert kernel.dtype == jnp.bfloat16
        wide = half[name]["kernel"].astype(jnp.float32)
        expected = np.float64(wide) / norm(wide, circular)
        np.testing.assert_allclose(np.float64(kernel), expected, rtol=2**-7)


# The gap --------------------------------------------------------------------------------


def test_gap_of_every_kernel_is_that_of_dense_matrices():
    gaps = jax.jit(lambda p: transforms.spectral_gap(p, IMAGE))(params(0))
    assert set(gaps) == {f"{name}/kernel" for name in KERNELS}
    for name in KERNELS:
        kernel = params(0)[name]["kernel"]
        gap = gaps[f"{name}/kernel"]
        matrix = np.float64(kernel).reshape(-1, kernel.shape[-1])
        np.testing.assert_allclose(gap.reshaped, np.linalg.svd(matrix)[1][0], rtol=1e-5)
        np.testing.assert_allclose(gap.padded, norm(kernel, False), rtol=2e-4)
        np.testing.assert_allclose(gap.circular, norm(kernel, True), rtol=1e-5)


def test_gap_of_a_box_filter_is_its_closed_form():
    # All ones: 9 around the torus, sqrt(9) as a matrix; with zeros outside, a product of
    # two tridiagonal matrices of ones, whose norms are 1 + 2 cos(pi / (n + 1)).
    image = (5, 8)
    box = {"kernel": jnp.ones((3, 3, 1, 1))}
    gap = jax.jit(lambda p: transforms.spectral_gap(p, image))(box)["kernel"]
    np.testing.assert_allclose(gap.reshaped, 3.0, rtol=1e-6)
    np.testing.assert_allclose(gap.circular, 9.0, rtol=1e-5)
    sides = [1 + 2 * np.cos(np.pi / (n + 1)) for n in image]
    np.testing.assert_allclose(gap.padded, np.prod(sides), rtol=1e-4)


def test_a_shift_has_no_gap_and_a_pixelwise_convolution_none_either():
    rng = np.random.default_rng(0)
    shift = jnp.zeros((3, 3, 1, 1)).at[1, 1].set(2.0)
    pixelwise = jnp.float32(rng.standard_normal((1, 1, 4, 3)))
    gaps = jax.jit(lambda p: transforms.spectral_gap(p, IMAGE))(
        {"shift": shift, "pixelwise": pixelwise}
    )
    exact = np.linalg.svd(np.float64(pixelwise[0, 0]))[1][0]
    for path, value in {"shift": 2.0, "pixelwise": exact}.items():
        np.testing.assert_allclose(gaps[path], [value] * 3, rtol=1e-4)


@pytest.mark.parametrize("name", ["conv_spectral_norm", "circular_spectral_norm"])
def test_nothing_selected_is_an_error(name):
    transform = getattr(transforms, name)(IMAGE)
    with pytest.raises(ValueError, match=f"{name} found no parameter"):
        transform.init({"dense": jnp.ones((2, 2))}, KEY)


def test_bad_iterations():
    with pytest.raises(ValueError, match="conv_spectral_norm needs 1 or more iterations"):
        transforms.conv_spectral_norm(IMAGE, iterations=0)
