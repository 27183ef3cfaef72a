"""The halves of a run's generator, for what looks at styles; layers by number and word."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp

from gan_jax import analysis
from gan_jax.config import nearest
from gan_jax.errors import UserError
from gan_jax.methods.style_objectives import Halves, halves
from gan_jax.state import GameState
from gan_jax.trained import Trained
from gan_jax.types import Array

_NUMBERS = re.compile(r"(\d+)(?:-(\d+))?")


class Styles(NamedTuple):
    """The two halves of a generator that has a style for each layer, compiled; the state is
    an argument, so that they serve every checkpoint of the run.

    Attributes:
        mapping: `(state, latents (n, Z), labels (n,) or None) -> styles (n, layers, W)`.
        synthesis: `(state, styles) -> images (n, H, W, C)` in [-1, 1]; of w (n, W) those
            with the same style in all layers.
        mean: `(state) -> (W,)`, the running mean of w.
        layers: how many.
    """

    mapping: Callable[[GameState, Array, Array | None], Array]
    synthesis: Callable[[GameState, Array], Array]
    mean: Callable[[GameState], Array]
    layers: int


def styles_of(run: Trained) -> Styles | None:
    """A run's generator by its halves; None of one without styles."""
    if halves(run.generator) is None:
        return None

    def at(state: GameState) -> Halves:
        return halves_of(run._replace(state=state))

    def mapping(state: GameState, latents: Array, labels: Array | None) -> Array:
        inputs = (latents,) if labels is None else (latents, labels)
        ws: Array = at(state).mapping(*inputs, train=False)
        return ws

    def synthesis(state: GameState, ws: Array) -> Array:
        images: Array = at(state).synthesis(in_all(ws, layers), train=False)
        return images

    two = jax.eval_shape(lambda: _two_latents(run))
    layers = jax.eval_shape(mapping, run.state, *two).shape[1]
    return Styles(
        jax.jit(mapping), jax.jit(synthesis), lambda state: at(state).mean, layers
    )


def _two_latents(run: Trained) -> tuple[Array, Array | None]:
    """Two latents, and their labels where there are classes."""
    labels = None if run.data.num_classes is None else jnp.zeros((2,), jnp.int32)
    return run.latents(jax.random.key(0), 2, labels), labels


def need_styles(run: Trained) -> Styles:
    """As `styles_of`.

    Raises:
        UserError: the generator has no styles.
    """
    found = styles_of(run)
    if found is None:
        raise _none(run)
    return found


def halves_of(run: Trained) -> Halves:
    """The generator's halves, as views.

    Raises:
        UserError: it has no styles.
    """
    found = halves(run.generator)
    if found is None:
        raise _none(run)
    return found


def _none(run: Trained) -> UserError:
    return UserError(
        f"{run.path}: the generator of {run.config.method} has no styles; those of "
        "stylegan and stylegan2 have"
    )


def in_all(ws: Array, layers: int) -> Array:
    """Styles (n, layers, W) of w (n, W); styles as they are."""
    if ws.ndim == 3:
        return ws
    return jnp.broadcast_to(ws[:, None], (len(ws), layers, ws.shape[1]))


def check_space(space: str, *spaces: str) -> None:
    """Refuses a space that is none of those.

    Raises:
        UserError: names the nearest.
    """
    if space not in spaces:
        raise UserError(f"--space={space}: no such space{nearest(space, spaces)}")


def layers_in(text: str, count: int) -> list[int]:
    """Layers of a flag such as "0-3,6" or "coarse", ascending; see `analysis.layer_parts`.

    Args:
        text: of the flag.
        count: layers of the network.

    Raises:
        UserError: something else, or a layer that the network does not have.
    """
    parts, chosen = analysis.layer_parts(count), set[int]()
    for word in filter(None, (word.strip() for word in text.split(","))):
        found = _NUMBERS.fullmatch(word)
        if found is None and word not in parts:
            raise UserError(
                f"--layers={text}: expected layers such as 0-3,6, or coarse, middle or fine"
            )
        if found is None:
            layers = parts[word]
        else:
            first, last = int(found[1]), int(found[2] or found[1])
            layers = range(first, last + 1)
            if last < first or last >= count:
                raise UserError(f"--layers={text}: styles are of layers 0 to {count - 1}")
        chosen.update(layers)
    if not chosen:
        raise UserError(f"--layers={text}: none of the layers 0 to {count - 1}")
    return sorted(chosen)
