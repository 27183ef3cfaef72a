"""`gan-jax analyse`: what the commands draw of a tiny run; what they say of mistakes."""

import inspect
import json
from importlib import import_module

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from absl import flags
from PIL import Image

from gan_jax import loop, pictures
from gan_jax.analyses import ANALYSES, analyse, command
from gan_jax.config import default_config, set_optimizer, set_options
from gan_jax.errors import UserError
from gan_jax.trained import open_run

SIDE, CLASSES = 8, 3


@pytest.fixture(scope="module")
def workdir(tmp_path_factory):
    """A conditional run of two steps on images whose brightness is their class."""
    folder = tmp_path_factory.mktemp("analyses")
    draws = np.random.default_rng(0)
    label = np.arange(48) % CLASSES
    noise = draws.integers(0, 60, (48, SIDE, SIDE, 1))
    pixels = (noise + 90 * label[:, None, None, None]).astype(np.uint8)
    np.savez(folder / "images.npz", image=pixels, label=label)
    config = default_config()
    config.method, config.data.source = "dcgan", f"npz:{folder / 'images.npz'}"
    config.data.num_classes = CLASSES
    set_options(config, width=2, kernel_size=3, d_norm="none")
    config.recipe.prior, config.recipe.latent_dim = "normal", 4
    set_optimizer(config, "gd", "adam", learning_rate=3e-2)
    config.train.steps, config.train.batch_size = 4, 8
    config.parallel.devices = 1
    config.log.every, config.log.spectrum_every, config.log.tensorboard = 2, 0, False
    config.checkpoint.every = 2
    config.samples.every = config.score.every = 0
    loop.train(config, str(folder / "run"))
    return folder / "run"


@pytest.fixture(scope="module")
def run(workdir):
    return open_run(workdir)


@pytest.fixture
def look(workdir, tmp_path):
    """`look(name, **flags) -> (what was said, the picture)`."""

    def run(name, **changed):
        values = {flag.name: flag.default for flag in ANALYSES[name].flags}
        path = tmp_path / f"{name}.png"
        said = analyse(
            name, values | {"workdir": str(workdir), "output": str(path)} | changed
        )
        assert said.splitlines()[-1].startswith(str(path.with_suffix("")))
        with Image.open(path) as image:
            return said, np.asarray(image)

    return run


def cell(picture, row, column, top=0, left=0):
    """An image of a grid whose corner is at (top, left)."""
    y, x = top + 2 + row * (SIDE + 2), left + 2 + column * (SIDE + 2)
    return picture[y : y + SIDE, x : x + SIDE]


def image_of(run, seed, label, change=lambda z: z):
    labels = jnp.asarray([label], jnp.int32)
    z = change(run.latents(jax.random.key(seed), 1, labels))
    return pictures.to_pixels(np.asarray(run.generate(z, labels)))[0, :, :, 0]


def close(a, b):
    """Equal to the rounding of one level: other programs add in another order."""
    np.testing.assert_allclose(np.asarray(a, float), np.asarray(b, float), atol=1.0)


# The table.


def test_flags_are_the_arguments_of_their_functions():
    for name, analysis in ANALYSES.items():
        function = getattr(import_module(f"gan_jax.analyses.{analysis.home}"), name)
        parameters = inspect.signature(function).parameters
        assert set(parameters) == {flag.name for flag in analysis.flags}
        for flag in analysis.flags:
            if flag.name not in ("workdir", "output"):
                assert parameters[flag.name].default == flag.default, (name, flag.name)
            assert f"{flag.name}:" in inspect.getdoc(function), (name, flag.name)


def test_the_command_lists_analyses_and_their_flags(capsys):
    assert command.main([]) == 0
    listed = capsys.readouterr().out
    for name, analysis in ANALYSES.items():
        assert f"  {name:<12} {analysis.summary}\n" in listed
    assert command.main(["mix", "--help"]) == 0
    out = capsys.readouterr().out
    shown = {line.split(":")[0].strip() for line in out.splitlines() if "  --" in line}
    assert shown == {f"--{flag.name}" for flag in ANALYSES["mix"].flags}


def test_as_a_command(workdir, tmp_path, capsys):
    flags.FLAGS(["gan-jax"])
    path = tmp_path / "new" / "classes.png"
    words = [f"--workdir={workdir}", f"--output={path}", "--n=2", "--step=2"]
    assert command.main(["classes", *words]) == 0
    assert capsys.readouterr().out == f"{path}\n"
    with Image.open(path) as picture:
        assert picture.size == (2 + CLASSES * (SIDE + 2), 2 + 2 * (SIDE + 2))


# What they draw.


def test_walk(run, look, tmp_path):
    said, picture = look("walk", seeds="4,7", steps=3, label=1)
    assert said == f"{tmp_path}/walk.png\n{tmp_path}/walk.gif"
    # There and back again.
    assert picture.shape == (2 + 2 * 10, 2 + 3 * 10)
    four, seven = image_of(run, 4, 1), image_of(run, 7, 1)
    for row, column, image in ((0, 0, four), (0, 2, seven), (1, 0, seven), (1, 2, four)):
        close(cell(picture, row, column), image)
    close(cell(picture, 0, 1), cell(picture, 1, 1))
    with Image.open(tmp_path / "walk.gif") as gif:
        assert (gif.n_frames, gif.size) == (4, (128, 128))
        close(np.asarray(gif.convert("L"))[::16, ::16], four)


def test_arithmetic(run, look):
    _, picture = look("arithmetic", a="1", b="2", c="3", noise=0.0, label=2)

    def seeds(z):
        labels = jnp.asarray([2], jnp.int32)
        _, b, c = (run.latents(jax.random.key(s), 1, labels) for s in (1, 2, 3))
        return z - b + c

    result = image_of(run, 1, 2, seeds)
    # Operand and mean, 12 wide a gap, three rows; then 30 further the result, nine times.
    for row, seed in enumerate((1, 2, 3)):
        close(cell(picture, 0, 0, top=12 * row), image_of(run, seed, 2))
        close(cell(picture, 0, 0, top=12 * row, left=24), image_of(run, seed, 2))
    for row in range(3):
        for column in range(3):
            close(cell(picture, row, column, left=36 + 30), result)


@pytest.mark.parametrize("standing", [None, 2])
def test_truncation_draws_as_the_runs_own_sampling(workdir, look, standing):
    _, picture = look("truncation", thresholds="0.1,0.5", n=3, seed=5, standing=standing)
    assert picture.shape == (2 + 3 * 10, 2 + 3 * 10)
    labels = jnp.arange(3, dtype=jnp.int32)
    for row, threshold in enumerate((0.1, 0.5, None)):
        opened = open_run(workdir, truncation=threshold, standing=standing)
        z = opened.latents(jax.random.key(5), 3, labels)
        images = pictures.to_pixels(np.asarray(opened.generate(z, labels)))
        for column in range(3):
            close(cell(picture, row, column), images[column, :, :, 0])


def test_classes_and_the_way_between_two(run, look):
    _, grid = look("classes", n=2)
    _, way = look("classes", n=2, first=0, second=2, steps=4)
    assert way.shape == (2 + 2 * 10, 2 + 4 * 10)
    for row in range(2):
        close(cell(way, row, 0), cell(grid, row, 0))
        close(cell(way, row, 3), cell(grid, row, 2))
    z = run.latents(jax.random.key(0), 2, jnp.arange(2, dtype=jnp.int32))
    made = run.generate(z[1:], jnp.asarray([2], jnp.int32))
    close(cell(grid, 1, 2), pictures.to_pixels(np.asarray(made))[0, :, :, 0])


def test_directions(run, look):
    said, picture = look("directions", k=2, steps=3, distance=0.5, label=1, seed=3)
    assert said.startswith("layers project\nstrengths ")
    kernel = np.asarray(run.generator.params["project"]["kernel"], np.float64)
    vectors, values, _ = np.linalg.svd(kernel)
    strengths = [float(word) for word in said.splitlines()[1].split(" ", 1)[1].split(",")]
    np.testing.assert_allclose(strengths, values[:2], rtol=1e-2)
    labels = jnp.asarray([1, 1], jnp.int32)
    z = run.latents(jax.random.key(3), 2, labels)[:1]
    for row, axis in enumerate(vectors.T[:2]):
        axis = jnp.asarray(axis * np.sign(axis[np.abs(axis).argmax()]), jnp.float32)
        for column, reach in enumerate((-0.5, 0.0, 0.5)):
            made = run.generate(z + reach * axis[None], labels[:1])
            close(
                cell(picture, row, column),
                pictures.to_pixels(np.asarray(made))[0, :, :, 0],
            )


def test_neighbours_of_held_out_images(run, look, monkeypatch):
    said, picture = look("neighbours", n=2, k=3)
    assert "held-out" not in said
    training, _ = run.real_images(48)
    held = training[:2] ^ 1
    monkeypatch.setattr(
        "gan_jax.analyses.images.held_out", lambda run, n, split: (held, None)
    )
    said, picture = look("neighbours", n=2, k=3)
    # Samples above; below them images that differ from the first two by one level.
    assert "held-out images: median distance to the nearest in pixels 0.03137" in said
    top = 2 * 10 + 2 + 12
    for row in range(2):
        np.testing.assert_array_equal(cell(picture, row, 0, top=top), held[row, :, :, 0])
        np.testing.assert_array_equal(
            cell(picture, row, 0, top=top, left=24), training[row, :, :, 0]
        )


def test_guided(run, look):
    said, picture = look("guided", n=2)
    assert said.startswith("the logit\n")
    real, _ = run.real_images(2)
    np.testing.assert_array_equal(cell(picture, 1, 0), real[1, :, :, 0])
    said, picture = look("guided", n=2, layer="conv_0", channels="1,0")
    assert said.startswith("channels 1, 0 of conv_0\n")
    # One channel responds at one place: elsewhere the gradient is 0, which is grey.
    gradient = cell(picture, 0, 1)
    assert (np.abs(gradient.astype(int) - 128) > 1).sum() <= 9
    assert max(gradient.max() - 128, 128 - gradient.min()) in (127, 128)


def test_ablate(run, look):
    said, picture = look("ablate", label=1, n=2, samples=60, most=1)
    assert "norm_0: 1 of " in said
    assert picture.shape == (2 * 22 + 12, 22)
    # Before: samples of the class, which is that of every third row.
    labels = jnp.arange(60, dtype=jnp.int32) % CLASSES
    z = run.latents(jax.random.key(0), 60, labels)
    images = pictures.to_pixels(np.asarray(run.generate(z, labels)))[..., 0]
    close(cell(picture, 0, 1), images[4])
    close(cell(picture, 0, 0, top=34), images[0])
    assert np.abs(cell(picture, 1, 1).astype(int) - images[4]).max() > 3
    said, picture = look("ablate", box="0,0,4,8", n=3, samples=20)
    assert picture.shape == (22, 32)


def test_project_prefers_the_image_that_was_generated(run, look, tmp_path):
    made = image_of(run, 9, 2)
    Image.fromarray(made).save(tmp_path / "target.png")
    said, picture = look(
        "project", image=str(tmp_path / "target.png"), starts=6, steps=150, rate=0.05
    )
    losses = [float(word) for word in said.splitlines()[0].split(" ", 1)[1].split(",")]
    assert losses == sorted(losses)
    np.testing.assert_allclose(losses[0], 0.0, atol=2e-3)
    assert said.splitlines()[1].startswith("labels 2")
    factor = 80 // SIDE
    shown = picture[2 * factor : 10 * factor : factor, 2 * factor : 10 * factor : factor, 0]
    np.testing.assert_array_equal(shown, made)


def test_spectrum_and_embedding(look):
    said, picture = look("spectrum", n=12)
    assert said.startswith("most apart at ")
    assert picture.shape == (400, 640, 3)
    _, picture = look("embed", n=20, near=5)
    assert picture.shape == (560, 2 * 560 + 12, 3)


def test_features(workdir, monkeypatch):
    """Brightness tells the class: the SVM must read it out of any filters."""
    held = open_run(workdir).real_images(30)
    monkeypatch.setattr("gan_jax.analyses.images.held_out", lambda *_: held)
    values = {"workdir": str(workdir), "n": 48, "held": 30, "step": None, "split": None}
    result = json.loads(analyse("features", values | {"json": True}))
    assert result["accuracy"] == 1.0
    assert result["held_out_images"] == 30
    # One layer of 2 filters, 8 x 8 halved to 4 x 4.
    assert (result["features"], result["step"]) == (32, 4)
    assert "accuracy 1.0000 on 30 held-out images" in analyse(
        "features", values | {"json": False}
    )


# Mistakes.

MISTAKES = [
    ("walk", {"workdir": None}, "--workdir is missing"),
    ("walk", {"output": None}, "--output is missing"),
    ("walk", {"output": "walk.jpg"}, "--output=walk.jpg: expected the name of a PNG file"),
    ("walk", {"seeds": "1"}, "--seeds=1: needs at least 2 numbers"),
    ("walk", {"seeds": "1,x"}, "--seeds=1,x: expected whole numbers such as 0,1,2"),
    ("walk", {"between": "slrp"}, "did you mean 'slerp'?"),
    ("walk", {"steps": 1}, "--steps must be at least 2, got 1"),
    ("walk", {"label": 3}, "--label=3: the run has the classes 0..2"),
    ("walk", {"step": 3}, "3"),
    ("walk", {"truncation": -1.0}, "recipe.truncation must be positive"),
    ("arithmetic", {"noise": -1.0}, "--noise must not be negative, got -1.0"),
    ("classes", {"first": 1}, "set --first and --second, or neither"),
    ("classes", {"first": 1, "second": 5}, "--second=5: the run has the classes 0..2"),
    ("truncation", {"thresholds": "1,0"}, "--thresholds=1,0: expected positive numbers"),
    ("truncation", {"standing": 0}, "--standing must be positive, got 0"),
    ("mix", {}, "the generator of dcgan has no styles; those of stylegan"),
    ("truncation", {"psi": "1,0.5"}, "has no styles"),
    ("walk", {"space": "w"}, "has no styles"),
    ("directions", {"space": "w"}, "has no styles"),
    ("project", {"space": "w+"}, "has no styles"),
    ("neighbours", {"k": 0}, "--k must be at least 1, got 0"),
    ("neighbours", {"features": "pixel_8x8"}, "pixel_8x8"),
    ("guided", {"layer": "conv_7"}, "no layer of the discriminator is named 'conv_7'"),
    ("guided", {"channels": "9"}, "--channels: no 9; the layer has 1"),
    ("ablate", {"layer": "nrm_0"}, "did you mean 'norm_0'?"),
    ("ablate", {"box": "0,0,9,8"}, "expected top,left,bottom,right within 8 x 8"),
    ("ablate", {"box": "0,0,8,8"}, "must have places inside and outside"),
    ("directions", {"k": 5}, "--k=5: the latent has 4 dimensions"),
    ("directions", {"steps": 4}, "--steps must be odd"),
    ("directions", {"k": 2, "layers": "projct"}, "did you mean 'project'?"),
    ("project", {"image": "no.png"}, "--image=no.png cannot be read"),
    ("project", {"index": 99}, "--index=99: there are 48 images"),
    ("project", {"rate": 0.0}, "--rate must be positive"),
    ("embed", {"method": "pca"}, "--method=pca: expected tsne or umap"),
    ("embed", {"n": 20, "near": 40}, "--near=40 needs more than 40 images"),
    ("features", {}, "name the split of held-out images with --split"),
    ("features", {"split": "nowhere"}, "nowhere"),
]


@pytest.mark.parametrize(("name", "changed", "said"), MISTAKES)
def test_mistakes_are_one_line_and_write_nothing(workdir, tmp_path, name, changed, said):
    values = {flag.name: flag.default for flag in ANALYSES[name].flags}
    values["workdir"] = str(workdir)
    if "output" in values:
        values["output"] = str(tmp_path / "picture.png")
    with pytest.raises(UserError) as caught:
        analyse(name, values | changed)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not list(tmp_path.iterdir())


def test_a_misspelt_analysis():
    with pytest.raises(UserError, match="no analysis is named 'wlak'; did you mean 'walk'"):
        command.main(["wlak"])
