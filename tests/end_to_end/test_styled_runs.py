"""Runs of generators with styles: path lengths in w, and what cannot be, told in a line."""

from __future__ import annotations

import json
import shutil

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gan_jax import cli, evaluation, prng
from gan_jax.config import default_config, set_options, set_terms
from gan_jax.errors import UserError
from gan_jax.loop import train
from gan_jax.methods.style_objectives import halves
from gan_jax.metrics import perceptual
from gan_jax.metrics.path_length import perceptual_path_length
from gan_jax.metrics.perceptual import PerceptualDistance
from gan_jax.trained import open_run

TITLE = "path_length_w/pixels"


def squared(first, second):
    return jnp.square(first - second).sum(axis=(1, 2, 3))


@pytest.fixture(scope="module")
def run(images, tmp_path_factory):
    """A StyleGAN2 of 4 x 4 pixels with classes, without its penalties, after two steps and
    a score by path lengths in pixels.
    """
    config = default_config()
    config.method, config.data.source = "stylegan2", f"npz:{images}"
    config.data.num_classes, config.data.image_shape = 4, (4, 4, 1)
    set_terms(config, "d", r1={"penalty": "r1", "weight": 0.0})
    set_terms(config, "g", path_length={"penalty": "path_length", "weight": 0.0})
    config.recipe.prior, config.recipe.latent_dim = "normal", 3
    set_options(
        config, channel_base=32, channel_max=4, w_dim=4, mapping_layers=1, label_layers=1
    )
    config.train.steps, config.train.batch_size, config.parallel.devices = 2, 8, 1
    config.log.spectrum_every = config.samples.every = config.checkpoint.every = 2
    config.score.every, config.score.samples, config.score.reference = 2, 16, 16
    config.score.measures = ("path_length_w",)
    with config.unlocked():
        config.score.options.path_length_w = {"samples": 30, "paths": "full"}
    workdir = tmp_path_factory.mktemp("styled")
    with pytest.MonkeyPatch.context() as patch:
        distance = PerceptualDistance("pixels", squared, None, "0")
        patch.setattr(perceptual, "squeezenet_distance", lambda: distance)
        yield config, workdir, train(config, workdir)


def test_path_lengths_in_w_while_training_and_by_command(run, capsys):
    _, workdir, summary = run
    assert summary.scores.keys() == {TITLE}
    assert cli.main(["gan-jax", "evaluate", "--json", f"--workdir={workdir}"]) == 0
    (told,) = json.loads(capsys.readouterr().out)
    assert told["value"] == summary.scores[TITLE]
    assert told["manifest"]["measure"] == "path_length_w"
    assert told["manifest"]["options"]["epsilon"] == 1e-4
    two = halves(open_run(workdir).generator)
    found = perceptual_path_length(
        lambda ws, y: two.synthesis(ws, train=False),
        lambda keys: prng.draw(
            prng.stream(keys, "latent"), lambda key: jax.random.normal(key, (3,))
        ),
        squared,
        space="w",
        paths="full",
        mapping=lambda z, y: two.mapping(z, y, train=False),
        samples=30,
        labels=np.arange(30) % 4,
    )
    np.testing.assert_allclose(told["value"], found.mean, rtol=1e-5)
    assert found.mean > 0.0
    assert [entry.measurement.value for entry in evaluation.read(workdir)] == [
        told["value"]
    ] * 2


def test_a_checkpoint_of_another_resolution_is_refused(run, tmp_path):
    config, workdir, _ = run
    larger = config.copy_and_resolve_references()
    larger.data.image_shape = (8, 8, 1)
    with pytest.raises(UserError, match=r"another config: data\.image_shape: ") as e:
        train(larger, workdir)
    assert "\n" not in str(e.value)
    shutil.copytree(workdir / "checkpoints", tmp_path / "checkpoints")
    with pytest.raises(UserError, match=r"checkpoint 2 in .* by another game: ") as e:
        train(larger, tmp_path)
    assert "\n" not in str(e.value)


@pytest.mark.parametrize("method", ["progan", "stylegan", "stylegan2"])
@pytest.mark.parametrize("sides", [(12, 12), (8, 16), (2, 2)])
def test_sides_that_cannot_be_are_told_in_a_line(method, sides, images, tmp_path):
    config = default_config()
    config.method, config.data.source = method, f"npz:{images}"
    config.data.image_shape = (*sides, 1)
    with pytest.raises(UserError, match=f"method '{method}': ") as e:
        train(config, tmp_path / "run")
    assert "resize" in str(e.value)
    assert "\n" not in str(e.value)
    assert not (tmp_path / "run").exists()
