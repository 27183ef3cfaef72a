"""`gan-jax translate`: folders of images of any size through a run of a step."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gan_jax import cli, loop
from gan_jax.config import default_config, set_options
from gan_jax.data import images
from gan_jax.numerics import to_uint8, to_unit
from gan_jax.trained import open_run

SIDE = 8


@pytest.fixture(scope="module")
def workdir(tmp_path_factory):
    """A pix2pix from grey images to grey ones, whose sides are multiples of 4."""
    folder = tmp_path_factory.mktemp("pairs")
    draws = np.random.default_rng(0).integers(0, 256, (2, 8, SIDE, SIDE, 1), np.uint8)
    np.savez(folder / "pairs.npz", image=draws[0], target=draws[1])
    config = default_config()
    config.method, config.data.source = "pix2pix", f"pairs:npz:{folder / 'pairs.npz'}"
    set_options(config, levels=2, width=2, d_width=2, d_layers=1, norm="none", dropout=0.0)
    config.train.steps, config.train.batch_size = 1, 4
    config.parallel.devices = 1
    config.log.every, config.log.spectrum_every, config.log.tensorboard = 1, 0, False
    config.samples.count, config.samples.columns = 4, 2
    loop.train(config, folder / "run")
    return folder / "run"


@pytest.fixture
def given(tmp_path):
    """Three images, one of them coloured and in a sub-folder, and one that is none."""
    folder = tmp_path / "given"
    (folder / "sub").mkdir(parents=True)
    draw = np.random.default_rng(1).integers
    images.save_png(folder / "even.png", draw(0, 256, (SIDE, SIDE, 1), np.uint8))
    images.save_png(folder / "odd.png", draw(0, 256, (13, 7, 1), np.uint8))
    images.save_png(folder / "sub" / "colour.png", draw(0, 256, (20, 30, 3), np.uint8))
    (folder / "broken.png").write_bytes(b"no image")
    return folder


def run(*words):
    return cli.main(["gan-jax", *map(str, words)])


def translate(workdir, given, output, *words):
    return run(
        "translate", "--workdir", workdir, "--input", given, "--output", output, *words
    )


def whole(workdir, path):
    """The translation of an image in one piece, its borders mirrored to multiples of 4."""
    opened = open_run(workdir)
    image = images.to_channels(images.decode(path), 1)
    lack = [(0, -side % 4) for side in image.shape[:2]]
    padded = np.pad(image, [*lack, (0, 0)], mode="symmetric")
    made = opened.algorithm.translate(
        opened.state, jax.random.key(0), to_unit(jnp.asarray(padded))[None], "second"
    )
    return np.asarray(to_uint8(made))[0, : image.shape[0], : image.shape[1]]


def test_every_image_is_translated_in_its_own_size(workdir, given, tmp_path, capsys):
    output = tmp_path / "made"
    assert translate(workdir, given, output, "--batch=2") == 1
    said = capsys.readouterr()
    assert "3 images written" in said.out
    assert f"{given / 'broken.png'}: cannot be read as an image" in said.err
    assert not (output / "broken.png").exists()
    for name in ("even.png", "odd.png", "sub/colour.png"):
        made = images.decode(output / name)
        expected = whole(workdir, given / name)
        assert made.shape == expected.shape
        assert np.abs(made.astype(int) - expected).max() <= 1


def test_what_is_there_is_left_unless_asked(workdir, given, tmp_path, capsys):
    (given / "broken.png").unlink()
    output = tmp_path / "made"
    output.mkdir()
    (output / "even.png").write_bytes(b"mine")
    assert translate(workdir, given, output) == 0
    assert "1 were there already" in capsys.readouterr().out
    assert (output / "even.png").read_bytes() == b"mine"
    assert translate(workdir, given, output, "--overwrite") == 0
    assert "3 images written" in capsys.readouterr().out
    assert images.decode(output / "even.png").shape == (SIDE, SIDE, 1)


def test_large_images_are_tiled(workdir, given, tmp_path):
    output = tmp_path / "made"
    path = given / "sub" / "colour.png"
    assert translate(workdir, path, output, "--tile=16", "--overlap=6") == 0
    made = images.decode(output / "colour.png").astype(int)
    expected = whole(workdir, path)
    assert made.shape == expected.shape
    # The network sees further than a third of the overlap, but little of what is there.
    assert np.abs(made - expected).mean() < 1.0


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--domain=third"], "--domain=third: the run has none; there are: second"),
        (["--batch=0"], "--batch must be positive"),
        (["--tile=30"], "tiles of 30 pixels must be multiples of 4"),
        (["--overlap=300"], "more than twice the overlap of 300"),
        (["--input=nowhere"], "--input=nowhere: no such folder or image"),
    ],
)
def test_mistakes_are_one_line(workdir, given, tmp_path, capsys, words, message):
    assert translate(workdir, given, tmp_path / "made", *words) == 2
    assert message in capsys.readouterr().err


def test_outputs_of_one_name_and_inputs_are_safe(workdir, given, tmp_path, capsys):
    assert translate(workdir, given, given) == 2
    assert "would replace" in capsys.readouterr().err
    (given / "even.jpg").write_bytes((given / "even.png").read_bytes())
    assert translate(workdir, given, tmp_path / "made") == 2
    assert "even.jpg and even.png would both become" in capsys.readouterr().err


def test_other_commands_say_what_such_a_run_has(workdir, given, tmp_path, capsys):
    output = tmp_path / "made"
    words = ["--workdir", workdir, "--input", given, "--output", output]
    assert run("upscale", *words) == 2
    assert "has nothing to upscale; use gan-jax translate" in capsys.readouterr().err
    assert run("sample", "--workdir", workdir, "--output", tmp_path / "x.png") == 2
    assert "images are made of images (second)" in capsys.readouterr().err
    assert run("explore", "--workdir", workdir) == 2
    assert "images are made of images (second)" in capsys.readouterr().err
    assert run("evaluate", "--workdir", workdir) == 2
    assert "images are made of images (second)" in capsys.readouterr().err


def test_training_shows_given_made_and_true(workdir):
    (picture,) = sorted((workdir / "samples").glob("*1.png"))
    # Two strips of three images a row, two pixels around each strip.
    assert images.decode(picture).shape == (2 * (SIDE + 2) + 2, 2 * (3 * SIDE + 2) + 2, 1)
