"""`gan-jax sample-text`, and what other commands say of a run that makes texts."""

from __future__ import annotations

import pytest

from gan_jax import cli, loop
from gan_jax.config import default_config, set_options, shrink
from gan_jax.texts import sample_text


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run of two steps on a file of texts; folders of the run and of its data."""
    folder = tmp_path_factory.mktemp("texts")
    (folder / "train.txt").write_text("abba\nca\nbab\nabc\n" * 4)
    config = default_config()
    config.method, config.data.source = "seqgan", f"text:{folder}"
    set_options(
        config,
        stage="likelihood",
        embedding=4,
        hidden=4,
        windows=((1, 2),),
        d_embedding=2,
    )
    shrink(config, steps=2)
    config.score.every, config.parallel.devices, config.log.tensorboard = 0, 1, False
    config.log.spectrum_every = 0
    loop.train(config, folder / "run")
    return folder / "run"


@pytest.fixture
def complain(capsys):
    """`complain(*words)`: what is said of a mistake."""

    def said(*words):
        assert cli.main(["gan-jax", *map(str, words)]) == 2
        out, error = capsys.readouterr()
        assert out == ""
        assert error.count("\n") == 1
        return error.removeprefix("gan-jax: ").removesuffix("\n")

    return said


def test_a_line_is_of_its_seed_and_place(run):
    lines = sample_text(run, n=70)
    assert len(lines) == 70
    assert set("".join(lines)) <= set("abc")
    assert max(map(len, lines)) <= 4
    assert sample_text(run, n=5) == lines[:5]
    assert sample_text(run, n=70, seed=1) != lines
    # Near 0 all take the likeliest way.
    assert len(set(sample_text(run, n=30, temperature=1e-6))) == 1


def test_lines_are_printed_or_written(run, tmp_path, capsys):
    lines = sample_text(run, n=3, seed=2, temperature=0.8)
    words = [
        f"--workdir={run}", "--n=3", "--seed=2", "--temperature=0.8"
    ]  # fmt: skip
    assert cli.main(["gan-jax", "sample-text", *words]) == 0
    assert capsys.readouterr().out == "".join(f"{line}\n" for line in lines)
    path = tmp_path / "deep" / "texts.txt"
    assert cli.main(["gan-jax", "sample-text", *words, f"--output={path}"]) == 0
    assert capsys.readouterr().out == f"{path}\n"
    assert path.read_text() == "".join(f"{line}\n" for line in lines)


def test_files_are_not_replaced_unasked(run, tmp_path, complain):
    path = tmp_path / "texts.txt"
    path.write_text("mine")
    words = ["sample-text", f"--workdir={run}", "--n=2", f"--output={path}"]
    assert complain(*words) == f"{path} exists; overwrite it with --overwrite"
    assert path.read_text() == "mine"
    assert cli.main(["gan-jax", *words, "--overwrite"]) == 0
    assert path.read_text().count("\n") == 2


def test_numbers_out_of_range(run, complain):
    for flag in ("--n=0", "--temperature=0", "--temperature=-1"):
        said = complain("sample-text", f"--workdir={run}", flag)
        assert said.startswith("--n and --temperature must be positive: ")


def test_missing_runs_and_data_that_have_changed(run, tmp_path, complain):
    assert complain("sample-text") == "--workdir is missing"
    assert "nowhere" in complain("sample-text", f"--workdir={tmp_path}/nowhere")
    data = run.parent / "train.txt"
    before = data.read_text()
    data.write_text("abcd\n")
    try:
        said = complain("sample-text", f"--workdir={run}")
    finally:
        data.write_text(before)
    assert "was made by another game" in said


def test_what_other_commands_say_of_texts(run, tmp_path, complain):
    output = f"--output={tmp_path}/x.png"
    said = complain("sample", f"--workdir={run}", output)
    assert said == f"{run} makes texts; draw them with gan-jax sample-text"
    said = complain("evaluate", f"--workdir={run}")
    assert said.startswith("no measure is of texts; set score.every to 0")
    said = complain("explore", f"--workdir={run}")
    assert said == f"{run} makes texts; see them by gan-jax sample-text"
    said = complain("analyse", "walk", f"--workdir={run}", output)
    assert said == f"{run} makes texts; analyses with pictures need images"


def test_texts_and_images_are_told_apart(tmp_path, complain):
    words = ["train", "--config=configs/seqgan.py:smoke", f"--workdir={tmp_path}/run"]
    said = complain(*words, "--config.method=dcgan")
    assert said.startswith("method 'dcgan' makes no text, which the data are; those that ")
    assert said.endswith(": gumbel_gan, seqgan")
    said = complain(*words, "--config.data.source=builtin:mnist")
    assert said.startswith("method 'seqgan': seqgan makes texts, of image_shape (length, t")
    said = complain(*words, "--config.score.every=10")
    assert said.startswith("no measure is of texts")


def test_an_image_run_has_no_texts(tmp_path, complain, capsys):
    config = default_config()
    config.method, config.data.source = "gan", "synthetic:ring"
    set_options(config, g_features=(4,), d_features=(4, 4))
    shrink(config, steps=1)
    config.score.every, config.parallel.devices, config.log.tensorboard = 0, 1, False
    config.log.spectrum_every = 0
    loop.train(config, tmp_path / "ring")
    capsys.readouterr()
    said = complain("sample-text", f"--workdir={tmp_path}/ring")
    assert said == f"{tmp_path}/ring makes no text; draw its samples with gan-jax sample"
