"""What the explorer draws and finds, without a page."""

from __future__ import annotations

import shutil
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gan_jax import pictures
from gan_jax.config import default_config
from gan_jax.errors import UserError
from gan_jax.explorer.answers import Choice, Mixture
from gan_jax.explorer.drawing import ROWS
from gan_jax.explorer.neighbours import features_of
from gan_jax.explorer.session import Explorer
from gan_jax.methods.style_objectives import halves
from gan_jax.metrics.features import FeatureNet, Features
from gan_jax.trained import open_run
from gan_jax.workdir import open_workdir

STEPS = [4, 8, 12]


def as_generated(trained, latents, labels):
    made = trained.generate(jnp.asarray(latents), jnp.asarray(labels, jnp.int32))
    return pictures.to_pixels(np.asarray(made)).astype(int)


# Samples.


def test_samples_are_those_of_the_game_with_that_seed(explorer):
    trained = open_run(explorer.path)
    samples = explorer.samples(12, Choice(seed=5, n=11))
    labels = np.arange(11) % 4
    latents = trained.latents(jax.random.key(5), 11, jnp.asarray(labels, jnp.int32))
    np.testing.assert_array_equal(samples.latents, latents)
    np.testing.assert_array_equal(samples.labels, labels)
    np.testing.assert_allclose(
        samples.examples.astype(int), as_generated(trained, latents, labels), atol=1
    )


def test_a_sample_depends_on_seed_place_and_class_alone(explorer):
    many = explorer.samples(12, Choice(seed=1, n=2 * ROWS + 3)).examples
    few = explorer.samples(12, Choice(seed=1, n=3)).examples
    other = explorer.samples(12, Choice(seed=2, n=3)).examples
    np.testing.assert_array_equal(few, many[:3])
    assert (other != few).any(axis=(1, 2, 3)).all()
    assert len(np.unique(many, axis=0)) == len(many)


def test_the_class_asked_for_is_the_class_of_the_generator(explorer):
    trained = open_run(explorer.path)
    for label in range(4):
        samples = explorer.samples(12, Choice(seed=3, n=5, label=label))
        np.testing.assert_array_equal(samples.labels, np.full(5, label))
        expected = as_generated(trained, samples.latents, samples.labels)
        np.testing.assert_allclose(samples.examples.astype(int), expected, atol=1)
    turns = explorer.samples(12, Choice(seed=3, n=4)).examples
    for label in range(4):
        alone = explorer.samples(12, Choice(seed=3, n=4, label=label)).examples
        np.testing.assert_array_equal(turns[label], alone[label])


def test_every_checkpoint_is_sampled_as_it_was(explorer):
    assert explorer.checkpoints() == STEPS
    assert explorer.newest_step == 12
    drawn = {step: explorer.samples(step, Choice(n=4)) for step in STEPS}
    for step in STEPS:
        expected = as_generated(open_run(explorer.path, step=step), *drawn[step][:0:-1])
        np.testing.assert_allclose(drawn[step].examples.astype(int), expected, atol=1)
        facts = explorer.facts(step)
        assert facts["images seen"] == 8 * step
        assert facts["digest"] == open_run(explorer.path, step=step).digest
    assert (drawn[4].examples != drawn[12].examples).any()
    with pytest.raises(UserError, match="does not exist; there are: 4, 8, 12"):
        explorer.samples(5, Choice())


# Truncation.


def test_truncated_latents_are_those_of_a_truncated_run(explorer):
    for threshold in (0.3, 1.7):
        choice = Choice(seed=9, n=10, truncation=threshold)
        latents = explorer.samples(12, choice).latents
        cut = open_run(explorer.path, truncation=threshold)
        expected = cut.latents(jax.random.key(9), 10, jnp.zeros(10, jnp.int32))
        np.testing.assert_allclose(latents, expected, rtol=1e-5, atol=1e-6)
        assert np.abs(latents).max() <= threshold


def test_a_threshold_moves_latents_gradually_and_compiles_nothing(explorer):
    whole = explorer.samples(12, Choice(seed=2, n=64)).latents
    compiled = set()
    last = np.zeros_like(whole)
    for threshold in (0.1, 0.5, 1.0, 2.0, 4.0, 6.0):
        choice = Choice(seed=2, n=64, truncation=threshold)
        latents = explorer.samples(12, choice).latents
        compiled.add(explorer._drawing.truncated._cache_size())
        np.testing.assert_array_equal(np.sign(latents), np.sign(whole))
        assert (np.abs(latents) >= np.abs(last)).all()
        last = latents
    assert compiled == {1}
    np.testing.assert_allclose(last, whole, rtol=1e-4, atol=1e-5)


# Walks.


@pytest.mark.parametrize("path", ["lerp", "slerp"])
def test_a_walk_ends_at_the_samples_of_its_seeds(explorer, path):
    walk = explorer.walk(12, (3, 7), 13, path=path, label=2)
    assert walk.examples.shape == (13, 8, 8, 1)
    np.testing.assert_array_equal(walk.labels, np.full(13, 2))
    for place, seed in ((0, 3), (-1, 7)):
        end = explorer.samples(12, Choice(seed, 1, label=2))
        np.testing.assert_array_equal(walk.examples[place], end.examples[0])
        np.testing.assert_array_equal(walk.latents[place], end.latents[0])


def test_the_middle_of_a_walk(explorer):
    straight = explorer.walk(12, (3, 7), 3, path="lerp").latents
    np.testing.assert_allclose(straight[1], (straight[0] + straight[2]) / 2.0, rtol=1e-6)
    circle = explorer.walk(12, (3, 7), 3, path="slerp").latents
    lengths = np.linalg.norm(circle, axis=1)
    np.testing.assert_allclose(lengths[1], (lengths[0] + lengths[2]) / 2.0, rtol=1e-5)
    np.testing.assert_array_equal(circle[[0, 2]], straight[[0, 2]])


def test_the_ends_of_a_truncated_walk_are_truncated(explorer):
    walk = explorer.walk(12, (3, 7), 5, path="lerp", truncation=0.2)
    assert np.abs(walk.latents).max() <= 0.2
    end = explorer.samples(12, Choice(7, 1, 0, 0.2)).latents[0]
    np.testing.assert_array_equal(walk.latents[-1], end)


# Styles.


@pytest.mark.parametrize("psi", [1.0, -0.5])
def test_styles_are_mixed_by_layers(styled, psi):
    """Two rows of one class, three columns where classes take turns."""
    rows, columns = Choice(seed=0, n=2, label=1), Choice(seed=1, n=3)
    mixed = styled.mixtures(4, Mixture(rows, columns, (1, 3), psi))
    assert mixed.shape == (3, 4, 8, 8, 1)
    two = halves(open_run(styled.path).generator)
    mapping, synthesis = (
        jax.jit(partial(part, train=False)) for part in (two.mapping, two.synthesis)
    )
    latents = [styled.samples(4, choice).latents for choice in (rows, columns)]
    labels = jnp.asarray([1, 1, 0, 1, 2], jnp.int32)
    ws = np.asarray(mapping(np.concatenate(latents), labels), np.float64)
    ws = np.asarray(two.mean, np.float64) + psi * (ws - np.asarray(two.mean, np.float64))
    for row in range(2):
        left = np.concatenate([ws[row : row + 1]] * 4)
        left[1:, [1, 3]] = ws[2:, [1, 3]]
        images = synthesis(np.concatenate([left, ws[2:3]]).astype(np.float32))
        expected = pictures.to_pixels(np.asarray(images)).astype(int)
        np.testing.assert_allclose(mixed[row + 1].astype(int), expected[:4], atol=1)
        np.testing.assert_allclose(mixed[0, 1].astype(int), expected[4], atol=1)
    if psi == 1.0:
        drawn = styled.samples(4, columns).examples.astype(int)
        np.testing.assert_allclose(mixed[0, 1:].astype(int), drawn, atol=1)


def test_layers_that_are_not_there(styled):
    with pytest.raises(UserError, match="layer must be a whole number from 0 to 3, got 4"):
        styled.mixtures(4, Mixture(Choice(n=2), Choice(n=2), (4,)))


def test_a_generator_without_styles_says_so(explorer):
    assert explorer.styles is None
    with pytest.raises(UserError, match="has no styles to mix"):
        explorer.mixtures(12, Mixture(Choice(), Choice(), (0,)))


# Neighbours.


def test_a_training_image_is_its_own_nearest_neighbour(explorer, images):
    training = explorer.training()
    pixels = np.load(images)["image"]
    assert training.total == len(training.images) == 40
    for row in (0, 17, 39):
        found = explorer.nearest_to(training.images[row], 5)
        assert found.index[0] == row
        assert found.distance[0] == 0.0
        place = int(training.name(row).split("[")[1].removesuffix("]"))
        np.testing.assert_array_equal(training.images[row], pixels[place])
        assert training.labels[row] == place % 4


def test_neighbours_are_those_of_an_exhaustive_search(explorer):
    choice = Choice(seed=4, n=6)
    found = explorer.neighbours(12, choice, 2, count=4)
    sample = explorer.samples(12, choice).examples[2]
    training = explorer.training().images
    difference = (training.astype(np.float64) - sample.astype(np.float64)) / 255.0
    distances = np.sqrt(np.square(difference).sum(axis=(1, 2, 3)))
    order = np.argsort(distances)[:4]
    np.testing.assert_array_equal(found.sample, sample)
    np.testing.assert_array_equal(found.images, training[order])
    np.testing.assert_allclose(found.distances, distances[order], rtol=1e-12)
    np.testing.assert_array_equal(found.labels, explorer.training().labels[order])
    assert (found.searched, found.total) == (40, 40)


def test_neighbours_in_features_of_a_net(explorer):
    training = explorer.training().images
    found = explorer.nearest_to(training[8], 3, "pixels_8x8")
    assert found.index[0] == 8
    assert found.distance[0] == 0.0
    # Thumbnails of that size are the images, in [0, 1].
    np.testing.assert_allclose(
        found.distance, explorer.nearest_to(training[8], 3).distance, rtol=1e-5
    )


def test_features_come_in_parts_and_can_be_stopped():
    asked = []

    def outputs(images):
        asked.append(len(images))
        return Features(images.reshape(len(images), -1).astype(np.float32))

    net = FeatureNet("all", outputs, "0", "none")
    images = np.random.default_rng(0).integers(0, 256, (1201, 2, 2, 1), dtype=np.uint8)
    found = features_of(images, net, lambda: False)
    np.testing.assert_array_equal(found, images.reshape(1201, 4))
    assert asked == [500, 500, 201]
    with pytest.raises(UserError, match="closed"):
        features_of(images, net, lambda: len(asked) == 4)
    assert asked == [500, 500, 201, 500]


def test_images_have_no_points(explorer):
    assert explorer.real_points().shape == (0, 2)


def test_more_neighbours_than_images_are_all_images(explorer):
    found = explorer.nearest_to(explorer.training().images[0], 99)
    assert sorted(found.index) == list(range(40))


# Several at once.


def test_tabs_do_not_disturb_one_another(workdir):
    asked = [(step, Choice(seed, 9, seed % 4)) for step in STEPS for seed in range(6)]
    alone = Explorer(workdir)
    expected = [alone.samples(step, choice).examples for step, choice in asked]
    shared = Explorer(workdir)
    with ThreadPoolExecutor(8) as threads:
        got = list(threads.map(lambda each: shared.samples(*each).examples, asked))
    np.testing.assert_array_equal(got, expected)


# Points.


def test_a_run_of_points(points):
    samples = points.samples(points.newest_step, Choice(seed=1, n=5))
    expected = open_run(points.path).generate(jnp.asarray(samples.latents))
    np.testing.assert_allclose(samples.examples, expected, rtol=1e-5, atol=1e-6)
    assert samples.labels is None
    real = open_run(points.path).real_images(200)[0]
    np.testing.assert_array_equal(points.real_points(), real)
    with pytest.raises(UserError, match="points, which have no neighbours"):
        points.neighbours(points.newest_step, Choice(), 0)
    with pytest.raises(UserError, match="class 1: the run has no classes"):
        points.samples(points.newest_step, Choice(label=1))


# Mistakes.


@pytest.mark.parametrize(
    ("choice", "said"),
    [
        (Choice(seed=None), "the seed must be a whole number from 0 to 2147483647"),
        (Choice(seed=-1), "the seed must be .* got -1"),
        (Choice(seed=0.5), "the seed must be .* got 0.5"),
        (Choice(n=0), "the number of samples must be .* from 1 to 100, got 0"),
        (Choice(label=4), "the class must be .* from 0 to 3, got 4"),
        (Choice(truncation=0.0), "the truncation must be positive, got 0.0"),
    ],
)
def test_what_cannot_be_drawn_is_said(explorer, choice, said):
    with pytest.raises(UserError, match=said):
        explorer.samples(12, choice)


def test_only_normal_latents_are_truncated(points, monkeypatch):
    untruncated = points._drawing._replace(truncated=None)
    monkeypatch.setattr(points, "_drawing", untruncated)
    assert not points.has_truncation
    with pytest.raises(UserError, match="only normal latents can be truncated"):
        points.samples(points.newest_step, Choice(truncation=1.0))


def test_a_run_without_checkpoints(tmp_path, workdir):
    with pytest.raises(UserError, match=r"config\.json"):
        Explorer(tmp_path / "nowhere")
    with open_workdir(tmp_path / "young", default_config()):
        pass
    with pytest.raises(UserError, match="young has no checkpoint yet"):
        Explorer(tmp_path / "young")


def test_a_run_whose_data_are_gone_is_still_sampled(workdir, tmp_path):
    copy = shutil.copytree(workdir, tmp_path / "copy")
    config = (copy / "config.json").read_text()
    source = Explorer(workdir).config.data.source
    moved = config.replace(source, "npz:/nowhere.npz")
    moved = moved.replace('"image_shape": null', '"image_shape": [8, 8, 1]')
    (copy / "config.json").write_text(moved)
    alone = Explorer(copy)
    assert alone.class_names == ("0", "1", "2", "3")
    np.testing.assert_array_equal(
        alone.samples(12, Choice()).examples,
        Explorer(workdir).samples(12, Choice()).examples,
    )
    with pytest.raises(UserError, match="nowhere"):
        alone.neighbours(12, Choice(), 0)
