"""Blits and geometry: numpy's flips and turns, a float64 resampling, statistics."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gan_jax import prng
from gan_jax.augment import spatial
from gan_jax.augment.wavelets import SYM6

RNG = np.random.default_rng(0)
SQUARE = jnp.float32(RNG.uniform(-1, 1, (6, 6, 2)))
TALL = jnp.float32(RNG.uniform(-1, 1, (7, 4, 3)))
MASS = np.arange(12) @ np.array(SYM6) / np.sqrt(2.0)
warp = jax.jit(spatial.warp)


def moves(flip=False, turns=0, shift=(0, 0)):
    return spatial.Blit(jnp.asarray(flip), jnp.int32(turns), jnp.int32(shift))


# Blits --------------------------------------------------------------------------------


@pytest.mark.parametrize("turns", [0, 1, 2, 3])
@pytest.mark.parametrize("flip", [False, True])
def test_flips_and_quarter_turns_are_numpys(flip, turns):
    x = np.asarray(SQUARE)
    expected = np.rot90(x[:, ::-1] if flip else x, turns)
    np.testing.assert_array_equal(spatial.turn(SQUARE, moves(flip, turns)), expected)


@pytest.mark.parametrize("turns", [1, 3])
def test_an_oblong_turns_about_its_centre(turns):
    # 7 x 4 becomes 4 x 7: of its columns the middle 4 stay, its rows are reflected to 7.
    turned = np.rot90(np.asarray(TALL), turns)
    expected = np.pad(turned[:, 1:5], ((2, 1), (0, 0), (0, 0)), mode="reflect")
    np.testing.assert_array_equal(spatial.turn(TALL, moves(turns=turns)), expected)
    np.testing.assert_array_equal(spatial.turn(TALL, moves(turns=2)), TALL[::-1, ::-1])


@pytest.mark.parametrize("by", [(0, 0), (2, -1), (-3, 2)])
def test_shift_moves_and_reflects(by):
    padded = np.pad(np.asarray(TALL), ((3, 3), (3, 3), (0, 0)), mode="reflect")
    expected = padded[3 - by[0] : 10 - by[0], 3 - by[1] : 7 - by[1]]
    np.testing.assert_array_equal(spatial.shift(TALL, jnp.int32(by)), expected)


# Warps --------------------------------------------------------------------------------


def affine(scale=1.0, theta=0.3, right=0.0, down=0.0):
    c, s = scale * np.cos(theta), scale * np.sin(theta)
    return jnp.float32([[c, -s, right], [s, 1.1 * c, down], [0.0, 0.0, 1.0]])


def dense(n, samples):
    """Matrix (samples, n) of the doubled, reflected signal, float64."""
    pad = 60
    matrix = np.zeros((len(samples), n))
    source = np.pad(np.arange(n), pad, mode="reflect")
    for i, m in enumerate(samples):
        for k in range(-pad, n + pad):
            if 0 <= m - 2 * k < 12:
                matrix[i, source[k + pad]] += np.sqrt(2.0) * SYM6[m - 2 * k]
    return matrix


def reference(image, inverse):
    """The resampling in float64, sample by sample."""
    h, w, _ = image.shape
    far = np.arange(-50, 80)
    fine = np.einsum("rh,sw,hwc->rsc", dense(h, far), dense(w, far), np.float64(image))
    looked_up = np.zeros((2 * h + 10, 2 * w + 10, image.shape[2]))
    for i, j in np.ndindex(*looked_up.shape[:2]):
        place = [(j - MASS) / 2 - (w - 1) / 2, (i - MASS) / 2 - (h - 1) / 2, 1.0]
        x, y, _ = np.float64(inverse) @ place
        row = 2 * (y + (h - 1) / 2) + MASS + 50
        column = 2 * (x + (w - 1) / 2) + MASS + 50
        a, b = int(np.floor(row)), int(np.floor(column))
        u, v = row - a, column - b
        looked_up[i, j] = (
            (1 - u) * ((1 - v) * fine[a, b] + v * fine[a, b + 1])
            + u * ((1 - v) * fine[a + 1, b] + v * fine[a + 1, b + 1])
        )  # fmt: skip
    down = [np.sqrt(0.5) * np.array(SYM6) @ looked_up[2 * i : 2 * i + 12].reshape(12, -1)
            for i in range(h)]  # fmt: skip
    rows = np.array(down).reshape(h, 2 * w + 10, -1)
    return np.stack(
        [np.sqrt(0.5) * np.einsum("k,hkc->hc", SYM6, rows[:, 2 * j : 2 * j + 12])
         for j in range(w)],
        axis=1,
    )  # fmt: skip


@pytest.mark.parametrize(
    "inverse",
    [affine(), affine(1.7, -2.0, 2.3, -1.4), affine(0.6, 1.1, -4.0, 3.7)],
    ids=["turn", "shrink", "grow"],
)
def test_warp_is_the_resampling_in_float64(inverse):
    # Places lie some 10 samples from the middle, where float32 steps are 1e-6.
    expected = reference(np.asarray(TALL), inverse)
    np.testing.assert_allclose(warp(TALL, inverse), expected, atol=3e-5)


def test_the_identity_is_exact():
    np.testing.assert_array_equal(warp(TALL, jnp.eye(3, dtype=jnp.float32)), TALL)


@pytest.mark.parametrize("by", [(2, -1), (-9, 30)])
def test_moves_by_whole_pixels_are_reconstructed(by):
    inverse = spatial.translation(jnp.float32(-by[1]), jnp.float32(-by[0]))
    expected = spatial.shift(TALL, jnp.int32(by))
    np.testing.assert_allclose(warp(TALL, inverse), expected, atol=2e-6)


def test_geometry_of_a_smooth_image():
    # cos(pi x / (w - 1)) continues itself by reflection; a map moves its argument. Linear
    # interpolation at half a pixel errs by up to (pi/19 / 2)^2 / 8 = 0.0009 per axis.
    h, w, inverse = 20, 24, affine(1.2, 0.7, 2.25, -3.5)

    def pattern(x, y):
        wave_x = np.cos(np.pi * (x + (w - 1) / 2) / (w - 1))
        return wave_x * np.cos(np.pi * (y + (h - 1) / 2) / (h - 1))

    x, y = np.arange(w) - (w - 1) / 2, np.arange(h)[:, None] - (h - 1) / 2
    image = jnp.float32(pattern(x, y))[:, :, None]
    m = np.float64(inverse)
    expected = pattern(
        m[0, 0] * x + m[0, 1] * y + m[0, 2], m[1, 0] * x + m[1, 1] * y + m[1, 2]
    )
    np.testing.assert_allclose(warp(image, inverse)[:, :, 0], expected, atol=0.002)


def test_directions():
    # The result at (x, y) is the source at `inverse` (x, y): a blob right of the centre,
    # turned by the inverse of a quarter turn x -> y, is found above it.
    image = jnp.zeros((9, 9, 1), jnp.float32).at[4, 7].set(1.0)
    turned = warp(image, spatial.rotation(jnp.float32(np.pi / 2)))
    assert np.unravel_index(np.argmax(turned[:, :, 0]), (9, 9)) == (1, 4)
    wider = spatial.scaling(jnp.float32(2.0), jnp.float32(1.0))
    narrow = warp(jnp.zeros((9, 9, 1), jnp.float32).at[4, 6].set(1.0), wider)
    assert np.unravel_index(np.argmax(narrow[:, :, 0]), (9, 9)) == (4, 5)


# Draws --------------------------------------------------------------------------------

N = 6000
KEYS = jax.random.split(jax.random.key(3), N)


@pytest.fixture(scope="module")
def blits():
    draw = jax.jit(
        lambda p: prng.draw(KEYS, lambda k: spatial.draw_blit(k, 32, 16, p)),
    )
    return {p: jax.device_get(draw(jnp.float32(p))) for p in (0.0, 0.4, 1.0)}


def assert_share(happened, share):
    """Seed 3, n = 6000, 5 standard errors."""
    bound = 5 * np.sqrt(share * (1 - share) / N)
    np.testing.assert_allclose(np.mean(happened), share, atol=bound)


def test_blits_have_the_papers_probabilities(blits):
    drawn = blits[0.4]
    assert_share(drawn.flip, 0.2)
    for turns in (1, 2, 3):
        assert_share(drawn.turns == turns, 0.1)
    # Of 16 columns, round(16 U(-1/8, 1/8)) is 0 for |U| < 1/32 and +-2 beyond 3/32.
    for value, share in [(0, 0.25), (1, 0.25), (-1, 0.25), (2, 0.125), (-2, 0.125)]:
        assert_share(drawn.shift[:, 1] == value, 0.4 * share + 0.6 * (value == 0))
    assert_share(np.abs(drawn.shift[:, 0]) == 4, 0.4 * 0.125)
    assert np.abs(drawn.shift[:, 0]).max() == 4


def test_blits_at_the_ends(blits):
    assert not any(np.any(leaf) for leaf in blits[0.0])
    assert_share(blits[1.0].flip, 0.5)
    assert_share(blits[1.0].turns == 0, 0.25)


@pytest.fixture(scope="module")
def inverses():
    draw = jax.jit(
        lambda p: prng.draw(KEYS, lambda k: spatial.draw_geometry(k, 32, 16, p)),
    )
    return {p: np.float64(draw(jnp.float32(p))) for p in (0.0, 0.2, 1.0)}


def test_geometry_has_the_papers_probabilities(inverses):
    # Four kinds of change, of which the two turns count as one: nothing happens with
    # probability (1 - p)^4.
    unmoved = (inverses[0.2] == np.eye(3)).all(axis=(1, 2))
    assert_share(unmoved, 0.8**4)
    assert (inverses[0.0] == np.eye(3)).all()
    assert_share((inverses[0.2][:, :2, 2] != 0.0).any(axis=1), 0.2)


def test_geometry_has_the_papers_ranges(inverses):
    # Seed 3, n = 6000; 5 standard errors of a deviation are 5 / sqrt(2 n) of it.
    linear = inverses[1.0][:, :2, :2]
    error = 5 / np.sqrt(2 * N)
    determinant = np.log2(np.linalg.det(linear))
    np.testing.assert_allclose(determinant.std(), 2 * 0.2, rtol=error)
    values = np.linalg.svd(linear, compute_uv=False)
    stretch = 0.5 * np.log2(values[:, 0] / values[:, 1])
    np.testing.assert_allclose(np.sqrt((stretch**2).mean()), 0.2, rtol=error)
    # Two uniform turns leave every direction equally likely.
    direction = np.arctan2(linear[:, 1, 0], linear[:, 0, 0])
    for harmonic in (1, 2):
        mean = np.exp(1j * harmonic * direction).mean()
        assert abs(mean) < 5 / np.sqrt(N)
    # The move is the last change: its source is linear^-1 of -(0.125 N(0, 1)) (w, h).
    moved = -np.linalg.solve(linear, inverses[1.0][:, :2, 2, None])[:, :, 0]
    np.testing.assert_allclose(moved.std(axis=0), [0.125 * 16, 0.125 * 32], rtol=error)


# Operations ---------------------------------------------------------------------------


@jax.jit
def operations(key):
    """What the three operations do to an image, and the draws they are made of."""
    p = jnp.float32(1.0)
    done = [
        operation(key, TALL, p)
        for operation in (spatial.blit, spatial.geometry, spatial.blit_and_geometry)
    ]
    return *done, spatial.draw_blit(key, 7, 4, p), spatial.draw_geometry(key, 7, 4, p)


def test_operations_execute_their_draws():
    # The fifth key moves the image, so that the order of move and warp matters: a move out
    # of the frame and back shows all that was there, in two resamplings it would not.
    blitted, warped, joint, drawn, inverse = operations(KEYS[5])
    down, right = (int(by) for by in drawn.shift)
    assert down != 0
    turned = spatial.turn(TALL, drawn)
    np.testing.assert_array_equal(blitted, spatial.shift(turned, drawn.shift))
    np.testing.assert_allclose(warped, warp(TALL, inverse), atol=1e-5)
    back = np.eye(3)
    back[:2, 2] = [-right, -down]
    expected = warp(turned, jnp.float32(back @ np.float64(inverse)))
    np.testing.assert_allclose(joint, expected, atol=1e-4)
    assert np.abs(joint - warp(blitted, inverse)).max() > 0.1
