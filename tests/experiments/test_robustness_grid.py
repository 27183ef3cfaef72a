"""The robustness grid: its cells are the games they are named after, its page says so."""

from __future__ import annotations

from functools import cache

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from experiments.robustness_grid import measure
from experiments.robustness_grid.page import page
from gan_jax import losses
from gan_jax.game import rounds
from gan_jax.metrics.features import FeatureNet, Features
from gan_jax.metrics.frechet import frechet_distance
from gan_jax.nn import BatchNorm, LayerNorm

WIDTH = 16
PROJECT, BASE = 64 * 7 * 7, 7 * 7
"""Weights per channel of the projection of a latent, and of the last feature map."""


def _weights(tree) -> int:
    return sum(leaf.size for leaf in jax.tree.leaves(tree))


def _baseline_d() -> int:
    convs = 25 * WIDTH + WIDTH + 25 * WIDTH * 2 * WIDTH
    return convs + 2 * 2 * WIDTH + BASE * 2 * WIDTH + 1


def _baseline_g() -> int:
    convs = 25 * 2 * WIDTH * WIDTH + 25 * WIDTH + 1
    return PROJECT * 2 * WIDTH + 2 * 2 * WIDTH + convs + 2 * WIDTH


def _constant_g() -> int:
    convs = 25 * WIDTH * WIDTH + WIDTH + 25 * WIDTH + 1
    return PROJECT * WIDTH + BASE * WIDTH + convs


def _perceptron_g() -> int:
    hidden = 8 * WIDTH
    return 65 * hidden + 3 * (hidden + 1) * hidden + (hidden + 1) * 28 * 28


COUNTS = {
    "baseline": (_baseline_g(), _baseline_d()),
    "constant_width": (_constant_g(), _baseline_d()),
    "mlp": (_perceptron_g(), _baseline_d()),
    "no_norm": (
        _baseline_g() + (BASE * 2 - 4) * WIDTH + WIDTH - 2 * WIDTH,
        _baseline_d() - 2 * WIDTH,
    ),
    "tanh": (_baseline_g(), _baseline_d()),
}
"""By hand, from the layers of each network; a bias is there where no norm follows."""


@cache
def _own(architecture, norm):
    """Abstract parameters of an architecture's networks, apart from any game."""
    pair = measure.ARCHITECTURES[architecture](measure.SHAPE, WIDTH, d_norm=norm)
    inputs = jnp.zeros((2, 64)), jnp.zeros((2, *measure.SHAPE))
    return [
        jax.eval_shape(net.init, jax.random.key(0), x)["params"]
        for net, x in zip(pair, inputs, strict=True)
    ]


@pytest.mark.parametrize("objective", list(measure.OBJECTIVES))
@pytest.mark.parametrize("architecture", list(measure.ARCHITECTURES))
def test_a_cell_is_the_architecture_at_one_update_each(objective, architecture):
    game = measure.game_of(objective, architecture)
    params = [
        jax.eval_shape(game.nets[name].init, jax.random.key(0))[0]
        for name in ("generator", "discriminator")
    ]
    own = _own(architecture, LayerNorm if objective == "WGAN-GP" else BatchNorm)
    assert jax.tree.map(jnp.shape, params) == jax.tree.map(jnp.shape, own)
    counts = tuple(map(_weights, own))
    assert counts == COUNTS.get(architecture, counts)
    assert [phase.repeat for phase in game.phases] == [1, 1]
    assert rounds(game) == 1


def test_the_deep_networks_have_101_layers_each():
    for params in _own(measure.DEEP, BatchNorm):
        paths = [
            jax.tree_util.keystr(path)
            for path, _ in jax.tree_util.tree_leaves_with_path(params)
        ]
        kernels = [path for path in paths if "kernel" in path and "shortcut" not in path]
        assert len(kernels) == 101


def test_objectives_are_those_they_are_named_after():
    recipes = measure.OBJECTIVES
    assert [recipe.loss for recipe in recipes.values()] == [
        losses.non_saturating,
        losses.least_squares,
        losses.wasserstein,
        losses.wasserstein,
    ]
    assert {n: dict(r.d_terms).keys() for n, r in recipes.items() if r.d_terms} == {
        "WGAN-GP": {"gp"}
    }
    params = {"a": jnp.array([0.5, -0.5]), "b": jnp.array([[0.01]]), "c": jnp.zeros(())}
    tx = recipes["WGAN"].d_tx
    with jax.numpy_dtype_promotion("standard"):
        updates, _ = tx.update(
            jax.tree.map(jnp.zeros_like, params), tx.init(params), params
        )
    moved = optax.apply_updates(params, updates)
    np.testing.assert_allclose(moved["a"], [measure.CLIP, -measure.CLIP], rtol=1e-6)
    np.testing.assert_allclose(moved["b"], [[0.01]], rtol=1e-6)
    assert moved["c"] == 0.0


def test_the_page_shows_every_cell_in_its_place():
    pictures = np.zeros((measure.SHOWN, *measure.SHAPE), np.uint8)
    cells = {
        (objective, architecture): measure.Cell(
            measure.Score(100.0 * i + j, 0.01 * j, 1.0 + j, 7.0 * j), pictures
        )
        for i, objective in enumerate(measure.OBJECTIVES)
        for j, architecture in enumerate(measure.ARCHITECTURES)
    }
    text = page(cells, {"held-out digits": measure.Score(3.4, 0.987, 9.96, 20.0)})
    assert "| architecture | updates | DCGAN | LSGAN | WGAN | WGAN-GP |" in text
    most, least = measure.UPDATES, measure.DEEP_UPDATES
    assert f"| mlp | {most} | 2 (2%, 3.0) | 102 (2%, 3.0) | 202 (2%, 3.0) |" in text
    assert f"| resnet_101 | {least} | 6 (6%, 7.0) | 106 (6%, 7.0) | 206 (6%, 7.0) |" in text
    assert "For comparison: held-out digits 3 (99%, 10.0)." in text
    assert "- WGAN: best 200 (baseline), median 202, worst 205 (tanh)" in text
    assert "Samples of 8 of 28 cells are nearly one image" in text
    assert "(DCGAN on baseline 0.00, DCGAN on constant_width 0.35, LSGAN on" in text


def test_scores_are_the_classifiers():
    def outputs(images):
        rows = images.reshape(len(images), -1)[:, [0, 200, 783]].astype(np.float32)
        return Features(rows, np.pad(rows, ((0, 0), (0, 7))))

    net = FeatureNet("digits", outputs, "f", "none", num_classes=10)
    draws = np.random.default_rng(0)
    real = draws.integers(0, 9, (20, *measure.SHAPE), dtype=np.uint8)
    images = np.zeros((2, *measure.SHAPE), np.uint8)
    images[1, :7] = 80
    score = measure.score_in(net, real)(images)
    # The second is sure of the first class, the first of none, whose first guess it is too.
    assert score == measure.Score(
        distance=frechet_distance(outputs(real).features, outputs(images).features),
        recognised=0.5,
        classes=1.0,
        spread=10.0,
    )
