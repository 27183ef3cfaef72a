"""The verbs of the command line on a run and its data."""

from __future__ import annotations

import contextlib
import io
import json
import shutil

import jax
import numpy as np
import pytest
from PIL import Image

from gan_jax import cli, parallel, prng, trained
from gan_jax.checkpoint import latest_digest, load
from gan_jax.config import set_options
from gan_jax.data import prepare
from gan_jax.session import open_session
from gan_jax.workdir import config_dict


def config_file(config, path):
    """A config file of this very config, as people write them."""
    path.write_text(
        "import json\n\nfrom gan_jax.config import default_config\n\n\n"
        "def get_config():\n    config = default_config().unlock()\n"
        f"    config.update(json.loads({json.dumps(json.dumps(config_dict(config)))}))\n"
        "    return config.lock()\n"
    )
    return path


@pytest.fixture(scope="module")
def run(pictures, tmp_path_factory):
    """A conditional run by the command line: config, directory, output."""
    folder = tmp_path_factory.mktemp("commands")
    config = pictures()
    config.method = "ns_gan"  # whose samples differ from the first step on
    set_options(config, g_features=(8,), d_features=(8,))
    words = [f"--config={config_file(config, folder / 'config.py')}"]
    with contextlib.redirect_stdout(io.StringIO()) as out:
        assert cli.main(["gan-jax", "train", *words, f"--workdir={folder}/run"]) == 0
    return config, folder / "run", out.getvalue()


@pytest.fixture
def command(capsys):
    """`command(*words)`: exit code, standard output, standard error."""

    def call(*words):
        code = cli.main(["gan-jax", *map(str, words)])
        return code, *capsys.readouterr()

    return call


def test_train_prints_its_report(run):
    config, workdir, out = run
    lines = out.splitlines()
    assert lines[0] == "done at step 12 (96 images seen)"
    assert lines[-1] == f"digest:      {latest_digest(workdir / 'checkpoints').digest}"
    assert lines[-2] == f"checkpoints: {workdir}/checkpoints"
    assert trained.load_config(str(workdir)).to_dict() == config.to_dict()


def test_digest(run, command):
    _, workdir, out = run
    code, told, error = command("digest", f"--workdir={workdir}")
    assert (code, error) == (0, "")
    assert f"digest:      {told}" in out


# Samples.


def tiles(path, columns, n):
    """The images of a grid with gaps of two pixels."""
    picture = np.asarray(Image.open(path)).astype(int)
    rows = -(-n // columns)
    assert picture.shape == (rows * 10 + 2, columns * 10 + 2)
    corners = [(2 + 10 * (i // columns), 2 + 10 * (i % columns)) for i in range(n)]
    return np.stack([picture[y : y + 8, x : x + 8] for y, x in corners])


def expected(run, labels, seed=0):
    config, workdir, _ = run
    opened = open_session(config)
    state = load(workdir / "checkpoints", opened.abstract).state
    rows = np.arange(len(labels), dtype=np.int32)
    keys = prng.fold_rows(jax.random.key(seed), rows)
    labels = np.asarray(labels, np.int32)
    images = opened.algorithms[0].sample(parallel.to_host(state), keys, len(rows), labels)
    return np.round((np.asarray(images)[..., 0] + 1.0) * 127.5).astype(int)


@pytest.mark.parametrize(
    ("words", "labels", "seed"),
    [
        ([], [0, 1, 2, 3, 0], 0),
        (["--label=2"], [2] * 5, 0),
        (["--seed=7"], [0, 1, 2, 3, 0], 7),
    ],
)
def test_sample(run, command, tmp_path, words, labels, seed):
    output = tmp_path / "folder" / "samples.png"
    words = [*words, "--n=5", "--columns=3", f"--output={output}"]
    assert command("sample", f"--workdir={run[1]}", *words) == (0, f"{output}\n", "")
    found = tiles(output, 3, 5)
    assert np.abs(found - expected(run, labels, seed)).max() <= 1
    assert np.abs(found[0] - found[4]).max() > 10


def test_truncated_samples_of_a_class_are_alike(run, command, tmp_path):
    words = ["--truncation=0.001", "--n=5", "--columns=3", f"--output={tmp_path}/t.png"]
    assert command("sample", f"--workdir={run[1]}", *words)[0] == 0
    found = tiles(tmp_path / "t.png", 3, 5)
    assert np.abs(found[0] - found[4]).max() <= 1
    assert np.abs(found[0] - found[1]).max() > 3


def test_many_samples_are_drawn_in_batches(run, command, tmp_path):
    words = ["--n=503", "--columns=20", f"--output={tmp_path}/many.png"]
    assert command("sample", f"--workdir={run[1]}", *words)[0] == 0
    found = tiles(tmp_path / "many.png", 20, 503)
    assert np.abs(found - expected(run, np.arange(503) % 4)).max() <= 1


def test_sample_needs_no_data_where_the_config_says_their_shape(run, command, tmp_path):
    workdir = shutil.copytree(run[1], tmp_path / "run")
    values = json.loads((workdir / "config.json").read_text())
    values["data"] |= {"source": "folder:no/longer/there", "image_shape": [8, 8, 1]}
    (workdir / "config.json").write_text(json.dumps(values))
    words = ["--n=5", "--columns=3", f"--output={tmp_path}/samples.png"]
    assert command("sample", f"--workdir={workdir}", *words)[0] == 0
    found = tiles(tmp_path / "samples.png", 3, 5)
    assert np.abs(found - expected(run, [0, 1, 2, 3, 0])).max() <= 1


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--label=4"], "--label=4: the run has the classes 0..3"),
        (["--truncation=0"], "recipe.truncation must be positive, got 0.0"),
        (["--standing=0"], "--standing must be positive, got 0"),
        (
            ["--standing=2"],
            "--standing=2: standing statistics need a net with batch norm; this has none",
        ),
        (["--n=0"], "--n and --columns must be positive, got 0 and 8"),
        (["--output=/dev/null/x.png"], "cannot write /dev/null/x.png: File exists"),
        (
            ["--workdir=no/such"],
            "no/such/config.json does not exist: no run has been there",
        ),
    ],
)
def test_samples_that_cannot_be_drawn(run, command, tmp_path, words, message):
    plain = [f"--workdir={run[1]}", f"--output={tmp_path}/samples.png"]
    assert command("sample", *plain, *words) == (2, "", f"gan-jax: {message}\n")


def test_a_run_without_a_checkpoint_or_classes(ring, command, tmp_path):
    (tmp_path / "config.json").write_text(json.dumps(config_dict(ring())))
    words = [f"--workdir={tmp_path}", f"--output={tmp_path}/samples.png"]
    told = f"gan-jax: {tmp_path} has no checkpoint yet\n"
    assert command("sample", *words) == (2, "", told)
    told = "gan-jax: --label=1: the run has no classes\n"
    assert command("sample", *words, "--label=1") == (2, "", told)
    told = f"gan-jax: no checkpoint in {tmp_path}/checkpoints\n"
    assert command("digest", f"--workdir={tmp_path}") == (2, "", told)


# Descriptions.

RING_NETS = {
    "discriminator": {"Dense_0": (2, 4), "Dense_1": (4, 4), "logit": (4, 1)},
    "generator": {"Dense_0": (2, 4), "Dense_1": (4, 2)},
}


def test_describe(ring, command, tmp_path):
    config = ring()
    config.recipe.d_steps = 3
    file = config_file(config, tmp_path / "config.py")
    code, out, _ = command("describe", f"--config={file}", "--json")
    found = json.loads(out)
    assert code == 0
    assert (found["method"], found["image_shape"]) == ("ns_gan", [2])
    assert (found["batch_size"], found["rounds_per_step"]) == (8, 3)
    assert found["num_classes"] is None
    assert [(p["name"], p["movers"], p["repeat"], p["every"]) for p in found["phases"]] == [
        ("disc", ["discriminator"], 3, 1),
        ("gen", ["generator"], 1, 1),
    ]
    assert found["flops_per_step"] > 0
    for net, layers in RING_NETS.items():
        kernels = {f"{name}/kernel": list(shape) for name, shape in layers.items()}
        biases = {f"{name}/bias": [shape[1]] for name, shape in layers.items()}
        assert found["nets"][net]["shapes"] == kernels | biases
        count = sum(a * b + b for a, b in layers.values())
        assert (found["nets"][net]["parameters"], found["nets"][net]["player"]) == (
            count,
            net,
        )
    code, text, _ = command("describe", f"--config={file}")
    assert code == 0
    assert text.startswith("ns_gan at (2,), batch 8, ")
    assert "phase disc: discriminator x 3\n" in text
    assert "discriminator: 37 parameters\n" in text
    assert f"  {'Dense_1/kernel':<56} (4, 4)\n" in text


def test_describe_with_labelled_examples(ring, command, tmp_path):
    config = ring()
    told = []
    for labelled in (None, 16):
        config.data.labelled = labelled
        file = config_file(config, tmp_path / f"config_{labelled}.py")
        code, out, error = command("describe", f"--config={file}", "--json")
        assert (code, error) == (0, "")
        told.append(json.loads(out))
    assert told[0] == told[1]


def test_describe_needs_no_data_where_the_config_says_their_shape(run, command, tmp_path):
    config = run[0].copy_and_resolve_references()
    config.data.source, config.data.image_shape = "tfds:no_such_data_set", (8, 8, 1)
    file = config_file(config, tmp_path / "config.py")
    code, out, _ = command("describe", f"--config={file}", "--json")
    assert (code, json.loads(out)["image_shape"]) == (0, [8, 8, 1])


# Data.


def test_validate_data(images, command, tmp_path):
    sheet = tmp_path / "sheet.png"
    words = [f"--source=npz:{images}", "--num_classes=4", f"--sheet={sheet}"]
    code, out, _ = command("validate-data", *words)
    assert code == 0
    assert out.endswith(f"\n{sheet}\n")
    assert Image.open(sheet).size[0] > 4 * 64
    code, out, error = command("validate-data", *words, "--json")
    assert (code, error) == (0, f"{sheet}\n")
    report = json.loads(out)
    assert (report["examples"], report["ok"]) == (40, True)
    assert report["histogram"] == {str(label): 10 for label in range(4)}


def test_validate_data_that_cannot_be_trained_on(images, command):
    code, out, _ = command("validate-data", f"--source=npz:{images}", "--num_classes=3")
    assert code == 1
    assert "has 4 classes but num_classes is 3" in out


def test_points_have_no_contact_sheet(command, tmp_path):
    words = ["--source=synthetic:ring", f"--sheet={tmp_path}/sheet.png"]
    code, out, error = command("validate-data", *words)
    assert code == 2
    assert "65536" in out.replace(",", "")
    assert error == (
        "gan-jax: synthetic:ring:train holds points, of which there is no contact sheet\n"
    )


def test_prepare_data(command, monkeypatch, tmp_path):
    calls = []

    def prepared(name, data_dir):
        calls.append((name, data_dir))
        return tmp_path / "toy" / "1.0.0"

    monkeypatch.setattr(prepare, "prepare_data", prepared)
    told = command("prepare-data", "--name=toy/small", "--data_dir=data")
    assert told == (0, f"{tmp_path}/toy/1.0.0\n", "")
    assert calls == [("toy/small", "data")]
