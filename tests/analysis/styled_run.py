"""A run whose generator has styles, written without training: drawn parameters, and a mean
of w that is not 0.
"""

from __future__ import annotations

from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np

from gan_jax import registry
from gan_jax.checkpoint import Checkpointer
from gan_jax.config import default_config, set_options
from gan_jax.engine import compile_game
from gan_jax.session import example_shape
from gan_jax.workdir import open_workdir

SIDE, CLASSES, LAYERS, W = 8, 3, 4, 4
_NETS = {
    "stylegan2": {
        "channel_base": 32,
        "channel_max": 4,
        "label_layers": 1,
        "group_size": 2,
        "mapping_layers": 1,
    },
    "stylegan": {"base": 32, "most": 4, "mapping_layers": 1},
}


def _drawn(key, path, leaf):
    """A parameter: of noise, whose strengths are single numbers, and of colours little."""
    leaf = leaf + (0.2 if leaf.ndim else 0.05) * jax.random.normal(key, leaf.shape)
    name = jax.tree_util.keystr(path)
    colours = "kernel" in name and "affine" not in name
    return 0.3 * leaf if colours and ("to_rgb" in name or "image_" in name) else leaf


def write_run(folder: Path, method: str) -> Path:
    """A work directory of images whose brightness is their class, at step 4."""
    label = np.arange(24) % CLASSES
    noise = np.random.default_rng(0).integers(0, 60, (24, SIDE, SIDE, 1))
    pixels = (noise + 90 * label[:, None, None, None]).astype(np.uint8)
    np.savez(folder / "images.npz", image=pixels, label=label)
    config = default_config()
    config.method, config.data.source = method, f"npz:{folder / 'images.npz'}"
    config.data.num_classes, config.data.image_shape = CLASSES, (SIDE, SIDE, 1)
    set_options(config, w_dim=W, **_NETS[method])
    config.recipe.prior, config.recipe.latent_dim = "normal", 5
    config.train.batch_size = 8
    game = registry.resolve(config, example_shape(config)).program[-1].game
    state = jax.jit(compile_game(game).init)(jax.random.key(0))
    player = state.players["generator"]
    paths, tree = jax.tree.flatten_with_path(player.ema.params)
    keys = jax.random.split(jax.random.key(1), len(paths))
    drawn = [_drawn(*each) for each in zip(keys, *zip(*paths, strict=True), strict=True)]
    stats = jax.tree.map(lambda x: x, player.ema.stats)
    stats["generator"]["averages"]["mapping"]["w"] = jnp.linspace(-0.4, 0.8, W)
    ema = player.ema.replace(params=jax.tree.unflatten(tree, drawn), stats=stats)
    players = {**state.players, "generator": player.replace(ema=ema)}
    path = folder / "run"
    with open_workdir(path, config), Checkpointer(path / "checkpoints") as keeper:
        keeper.save(4, state.replace(players=players), position=4, wait=True)
    return path
