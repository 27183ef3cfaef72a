"""ADA's pixel blitting and geometric transformations (arXiv 2006.06676, appendix B)."""

from __future__ import annotations

from functools import reduce
from typing import NamedTuple

import jax.numpy as jnp

from gan_jax.augment.operation import angle, factor, roll
from gan_jax.augment.pixels import reflect, select
from gan_jax.augment.wavelets import CENTRE, REACH, double, halve
from gan_jax.types import Array, Key, Scalar


class Blit(NamedTuple):
    """Moves of one image that map pixels onto pixels, in the order of application.

    Attributes:
        flip: bool (), left to right.
        turns: int32 (), quarter turns anticlockwise.
        shift: int32 (2,), pixels down and right.
    """

    flip: Array
    turns: Array
    shift: Array


def draw_blit(key: Key, height: int, width: int, p: Scalar) -> Blit:
    """Each move with probability p: a flip or not, 0 to 3 turns, up to 1/8 of each side."""
    dice = roll(key, "blit", p, gates=3, uniforms=4)
    sides = jnp.array([height, width], jnp.float32)
    shift = jnp.round((dice.uniforms[2:] - 0.5) * sides / 4.0)
    return Blit(
        dice.gates[0] & (dice.uniforms[0] < 0.5),
        jnp.where(dice.gates[1], jnp.floor(4.0 * dice.uniforms[1]), 0.0).astype(jnp.int32),
        jnp.where(dice.gates[2], shift, 0.0).astype(jnp.int32),
    )


def turn(image: Array, moves: Blit) -> Array:
    """The flip and the quarter turns, exact; the shift is left out.

    An image whose sides differ is turned about its centre: the central part is kept, and
    what is missing is continued by reflection.

    Args:
        image: float (H, W, C).
        moves: see `Blit`.

    Returns:
        Like `image`.
    """
    image = jnp.where(moves.flip, image[:, ::-1], image)
    image = jnp.where(moves.turns % 4 >= 2, image[::-1, ::-1], image)
    height, width, _ = image.shape
    quarter = _fit(_fit(jnp.rot90(image), 0, height), 1, width)
    return jnp.where(moves.turns % 2 == 1, quarter, image)


def _fit(x: Array, axis: int, size: int) -> Array:
    """The central `size` pixels, continued by reflection where there are fewer."""
    n = x.shape[axis]
    if n == size:
        return x
    return jnp.take(x, reflect(jnp.arange(size) + (n - size) // 2, n), axis=axis)


def shift(image: Array, by: Array) -> Array:
    """Moved by whole pixels, exact; what comes in is the reflected image.

    Args:
        image: float (H, W, C).
        by: int (2,), pixels down and right.

    Returns:
        Like `image`.
    """
    height, width, _ = image.shape
    rows = reflect(jnp.arange(height) - by[0], height)
    return select(image, rows, reflect(jnp.arange(width) - by[1], width))


def draw_geometry(key: Key, height: int, width: int, p: Scalar) -> Array:
    """The inverse of a random affine map, float32 (3, 3), on (right, down, 1) in pixels.

    The map scales by a log-normal factor (0.2 octaves), turns by any angle, scales the axes
    by s and 1/s (0.2 octaves), turns again and moves by N(0, 1/8^2) of each side, about the
    image's centre. Each happens with probability p; a turn with 1 - sqrt(1 - p), so that
    one of the two or both happen with p.
    """
    turning = 1.0 - jnp.sqrt(1.0 - p)
    chances = jnp.stack([p, turning, p, turning, p])
    dice = roll(key, "geometry", chances, gates=5, normals=4, uniforms=2)
    size = factor(dice.gates[0], 0.2 * dice.normals[0])
    first = angle(dice.gates[1], dice.uniforms[0])
    stretch = factor(dice.gates[2], 0.2 * dice.normals[1])
    second = angle(dice.gates[3], dice.uniforms[1])
    move = jnp.where(dice.gates[4], 0.125 * dice.normals[2:], 0.0)
    inverses = (
        scaling(1.0 / size, 1.0 / size),
        rotation(-first),
        scaling(1.0 / stretch, stretch),
        rotation(-second),
        translation(-move[0] * float(width), -move[1] * float(height)),
    )
    return reduce(matmul, inverses)


def matmul(a: Array, b: Array) -> Array:
    """The product in full float32, which accelerators do not take by default."""
    return jnp.matmul(a, b, precision="highest")


def scaling(right: Scalar, down: Scalar) -> Array:
    """(x, y) to (right x, down y), float32 (3, 3)."""
    return jnp.diag(jnp.stack([right, down, jnp.ones((), jnp.float32)]))


def rotation(theta: Scalar) -> Array:
    """From the x axis towards the y axis (clockwise on the screen), float32 (3, 3)."""
    c, s = jnp.cos(theta), jnp.sin(theta)
    turned = jnp.stack([jnp.stack([c, -s]), jnp.stack([s, c])])
    return jnp.eye(3, dtype=jnp.float32).at[:2, :2].set(turned)


def translation(right: Scalar, down: Scalar) -> Array:
    """(x, y) to (x + right, y + down), float32 (3, 3)."""
    return jnp.eye(3, dtype=jnp.float32).at[:2, 2].set(jnp.stack([right, down]))


def warp(image: Array, inverse: Array) -> Array:
    """One resampling under an affine map, with the image continued by reflection.

    The image is doubled with an orthogonal wavelet (sym6), looked up bilinearly, low-pass
    filtered and halved: the identity and moves by whole pixels give back the pixels.

    Args:
        image: float32 (H, W, C).
        inverse: float32 (3, 3), from a place in the result to its source, as (right, down,
            1) in pixels about the image's centre.

    Returns:
        Like `image`; `image` itself, to the bit, where `inverse` is the identity.
    """
    height, width, _ = image.shape
    fine = double(double(image, 0), 1)
    rows, columns = _samples(height)[:, None], _samples(width)[None, :]
    # In pixels from the middle, and from there on as moves: those of the identity and of
    # whole pixels are then exact in float32.
    down = 0.5 * (rows - (height - 1 + CENTRE))
    right = 0.5 * (columns - (width - 1 + CENTRE))
    move = inverse - jnp.eye(3, dtype=inverse.dtype)
    falls = move[1, 0] * right + move[1, 1] * down + move[1, 2]
    drifts = move[0, 0] * right + move[0, 1] * down + move[0, 2]
    looked_up = _bilinear(fine, rows + 2.0 * falls, columns + 2.0 * drifts)
    warped = halve(halve(looked_up, 0), 1)
    return jnp.where(jnp.any(move != 0.0), warped, image)


def _samples(n: int) -> Array:
    """The samples of the doubled grid that n pixels are made of, float32."""
    return jnp.arange(2 * n + REACH, dtype=jnp.float32)


def _bilinear(periodic: Array, rows: Array, columns: Array) -> Array:
    """Bilinear lookup in one period of a plane, (H, W, C) at (R, S), to (R, S, C)."""
    height, width, channels = periodic.shape
    # One gather for all four corners: its derivative is then one scatter.
    top, left = jnp.floor(rows), jnp.floor(columns)
    below, beside = rows - top, columns - left
    tall = jnp.stack([top, top, top + 1.0, top + 1.0]).astype(jnp.int32) % height
    wide = jnp.stack([left, left + 1.0, left, left + 1.0]).astype(jnp.int32) % width
    across, along = 1.0 - below, 1.0 - beside
    weights = jnp.stack([across * along, across * beside, below * along, below * beside])
    flat = periodic.reshape(-1, channels)
    corners = flat.at[tall * width + wide].get(mode="promise_in_bounds")
    return jnp.sum(weights[..., None] * corners, axis=0)


# Operations.


def blit(key: Key, image: Array, p: Scalar) -> Array:
    """A flip, quarter turns and a move by whole pixels, each with probability p."""
    height, width, _ = image.shape
    moves = draw_blit(key, height, width, p)
    return shift(turn(image, moves), moves.shift)


def geometry(key: Key, image: Array, p: Scalar) -> Array:
    """`draw_geometry`, executed by one `warp`."""
    height, width, _ = image.shape
    return warp(image, draw_geometry(key, height, width, p))


def blit_and_geometry(key: Key, image: Array, p: Scalar) -> Array:
    """`blit` and then `geometry`, with the same draws.

    The move by whole pixels is part of the one resampling, as in the paper, so that what
    it moves out of the frame can come back. Flips and turns are exact: sym6 is not
    symmetric, and resampling a flipped grid would blur a little.
    """
    height, width, _ = image.shape
    moves = draw_blit(key, height, width, p)
    back = -moves.shift.astype(jnp.float32)
    inverse = matmul(translation(back[1], back[0]), draw_geometry(key, height, width, p))
    return warp(turn(image, moves), inverse)
