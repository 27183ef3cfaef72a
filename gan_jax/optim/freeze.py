"""Optimizers that leave some parameters as they are."""

from __future__ import annotations

import optax

from gan_jax import trees
from gan_jax.types import Array, Params, PyTree

_FROZEN, _TRAINED = "frozen", "trained"


def freeze(
    tx: optax.GradientTransformation, where: trees.Where
) -> optax.GradientTransformation:
    """Freezes parameters by path: FreezeD, Mo et al. 2020 (arXiv 2002.10964).

    Selected parameters get updates of zero and no optimizer state; the optimizer sees the
    others only. FreezeD fine-tunes a trained GAN with the first layers of its
    discriminator frozen:

        freeze(optax.adam(2e-4), lambda path, x: path.startswith("discriminator/block_0/"))

    Args:
        tx: the optimizer of the other parameters.
        where: `(path, leaf) -> bool`, what is frozen. Paths are the player's, which begin
            with the net's name.

    Raises:
        ValueError: at `init`, nothing is selected, or everything.
    """

    def labels(params: Params) -> PyTree:
        def label(path: str, leaf: Array) -> str:
            return _FROZEN if where(path, leaf) else _TRAINED

        return trees.map_with_path(label, params)

    split = optax.partition({_FROZEN: optax.set_to_zero(), _TRAINED: tx}, labels)

    def init(params: Params) -> optax.OptState:
        chosen = [where(path, leaf) for path, leaf in trees.leaves_with_path(params)]
        if all(chosen) or not any(chosen):
            raise ValueError(
                f"freeze selects {sum(chosen)} of {len(chosen)} parameters; `where` must "
                "select some and leave some"
            )
        return split.init(params)

    return optax.GradientTransformation(init, split.update)
