"""The command line: what it answers to mistakes, in one line and with exit code 2."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
from pathlib import Path

import pytest

from gan_jax import cli
from gan_jax.analyses import ANALYSES
from gan_jax.config import default_config
from gan_jax.flagged import Verb
from gan_jax.workdir import open_workdir

ROOT = Path(__file__).parents[1]
RING = ROOT / "configs" / "ring.py"


@pytest.fixture
def complain(tmp_path, capsys):
    """`complain(*words)`: what is said of a mistake. Nothing may be left behind by it."""

    def run(*words):
        before = sorted(tmp_path.rglob("*"))
        assert cli.main(["gan-jax", *words]) == 2
        out, error = capsys.readouterr()
        assert out == ""
        assert error.startswith("gan-jax: ")
        assert error.count("\n") == 1
        assert sorted(tmp_path.rglob("*")) == before
        return error.removeprefix("gan-jax: ").removesuffix("\n")

    return run


@pytest.fixture
def train(tmp_path, complain):
    """`train(FIELD=VALUE, ...)`: the complaint about a training of the ring."""

    def run(*overrides, config=f"{RING}:smoke"):
        changed = [f"--config.{override}" for override in overrides]
        return complain(
            "train", f"--config={config}", *changed, f"--workdir={tmp_path}/run"
        )

    return run


# Help.


@pytest.mark.parametrize("words", [[], ["--help"], ["-h"], ["help"]])
def test_the_help_lists_the_verbs(words, capsys):
    assert cli.main(["gan-jax", *words]) == 0
    out, error = capsys.readouterr()
    assert error == ""
    for name, verb in cli.VERBS.items():
        assert f"  {name:<14} {verb.summary}\n" in out


FLAGS = {
    "train": {"config", "workdir"},
    "sample": {
        "workdir",
        "output",
        "n",
        "columns",
        "seed",
        "label",
        "truncation",
        "standing",
        "psi",
    },
    "evaluate": {
        "workdir",
        "step",
        "measures",
        "features",
        "samples",
        "reference",
        "split",
        "held_out",
        "seed",
        "labels",
        "truncation",
        "standing",
        "[no]average",
        "[no]json",
    },
    "translate": {
        "workdir",
        "input",
        "output",
        "domain",
        "seed",
        "tile",
        "overlap",
        "batch",
        "[no]overwrite",
    },
    "upscale": {
        "workdir",
        "input",
        "output",
        "tile",
        "overlap",
        "batch",
        "[no]overwrite",
    },
    "sample-text": {"workdir", "output", "n", "seed", "temperature", "[no]overwrite"},
    "explore": {"workdir", "host", "port"},
    "report": {"workdir", "output", "[no]json"},
    "describe": {"config", "[no]json"},
    "plan": {"config", "topology", "[no]json", "html", "[no]advise", "[no]thorough"},
    "digest": {"workdir"},
    "import-weights": {
        "family",
        "network",
        "input",
        "output",
        "architecture",
        "[no]overwrite",
    },
    "prepare-data": {"name", "data_dir"},
    "validate-data": {"source", "data_dir", "num_classes", "sheet", "[no]json"},
}


def test_every_verb_has_help(capsys):
    assert FLAGS.keys() | {"launch", "analyse"} == cli.VERBS.keys()
    for verb, names in FLAGS.items():
        assert cli.main(["gan-jax", verb, "--help"]) == 0
        out, error = capsys.readouterr()
        assert error == ""
        assert out.startswith(f"gan-jax: {cli.VERBS[verb].summary}\n")
        flags = {line.split(":")[0] for line in out.splitlines() if line.startswith("  --")}
        assert flags == {f"  --{name}" for name in names}
    with pytest.raises(SystemExit) as caught:
        cli.main(["gan-jax", "launch", "--help"])
    assert caught.value.code == 0
    assert "gan-jax launch --processes N [OPTIONS] -- VERB" in capsys.readouterr().out


def test_every_analysis_lists_its_flags(capsys):
    assert cli.main(["gan-jax", "analyse"]) == 0
    listed = capsys.readouterr().out
    for name, analysis in ANALYSES.items():
        assert f"  {name:<12} {analysis.summary}\n" in listed
        assert cli.main(["gan-jax", "analyse", name, "--help"]) == 0
        out = capsys.readouterr().out
        shown = {line.split(":")[0] for line in out.splitlines() if line.startswith("  --")}
        boolean = {flag.name for flag in analysis.flags if flag.kind is bool}
        names = {f"[no]{f.name}" if f.name in boolean else f.name for f in analysis.flags}
        assert shown == {f"  --{name}" for name in names}
    assert cli.main(["gan-jax", "analyse", "wlak"]) == 2
    message = "gan-jax: no analysis is named 'wlak'; did you mean 'walk'?\n"
    assert capsys.readouterr().err == message


def test_as_a_program(tmp_path):
    """Also that no traceback and nothing else is printed, and no module is missing."""
    command = [sys.executable, "-m", "gan_jax", "train", f"--config={RING}:smoke"]
    command += ["--config.data.source=synthetic:rng", f"--workdir={tmp_path}/run"]
    done = subprocess.run(
        command,
        env=dict(os.environ, PYTHONPATH=str(ROOT)),
        capture_output=True,
        text=True,
        timeout=200,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        "gan-jax: unknown synthetic distribution 'rng'; did you mean 'ring'? Choices: "
        "grid, ring, swiss_roll\n"
    )


# Words.


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["trian"], "no command is named 'trian'; did you mean 'train'?"),
        (["train"], "--config is missing"),
        (["train", f"--config={RING}"], "--workdir is missing"),
        (["train", "--confg=x"], "no flag --confg; did you mean '--config'?"),
        (["train", str(RING)], f"unexpected argument '{RING}'; flags are written --name="),
        (["train", "--config"], "Missing value for flag --config"),
        (["train", "--config.seed=1"], "--config.seed needs --config=FILE before it"),
        (["sample", "--workdir=x"], "--output is missing"),
        (["sample", "--n=many"], "flag --n=many: invalid literal for int()"),
        (["digest"], "--workdir is missing"),
        (["digest", "--workdir=no/such"], "no checkpoint in no/such/checkpoints"),
        (["describe"], "--config is missing"),
        (
            ["describe", "--jsn", f"--config={RING}"],
            "no flag --jsn; did you mean '--json'?",
        ),
        (["prepare-data"], "--name is missing"),
        (["validate-data"], "--source is missing"),
        (["validate-data", "--source=builtin:mnits"], "unknown built-in"),
        (["launch", "--", "train"], "launch: the following arguments are required"),
    ],
)
def test_wrong_words(complain, words, message):
    assert complain(*words).startswith(message)


# Fields and names.


@pytest.mark.parametrize(
    ("override", "message"),
    [
        (
            "train.stpes=3",
            "the config has no field 'train.stpes'; did you mean 'train.steps'?",
        ),
        (
            "trian.steps=3",
            "the config has no field 'trian.steps'; did you mean 'train.steps'?",
        ),
        ("train.steps=1.5", "flag --config.train.steps=1.5: invalid literal for int()"),
        ("log.tensorboard=maybe", "flag --config.log.tensorboard=maybe: "),
        ("train=3", "flag --config.train=3: Failed to parse '3' as a ConfigDict"),
        ("method=nsgan", "no method is named 'nsgan'; did you mean 'ns_gan'?"),
        ("recipe.loss=hing", "no loss is named 'hing'; did you mean 'hinge'?"),
        (
            "recipe.d_terms.r1.penalty=r3",
            "no penalty is named 'r3'; did you mean 'r2'?",
        ),
        ("model.g_features=(0,)", "method 'ns_gan': "),
        ("data.source=sythetic:ring", "unknown data source 'sythetic:ring'; did you mean "),
        (
            "data.source=synthetic:rong",
            "unknown synthetic distribution 'rong'; did you mean",
        ),
        ("data.source=npz:no/such.npz", "npz:no/such.npz: no such file"),
        ("data.source=folder:no/such", "folder:no/such"),
        ("data.resize=covr", "unknown resize 'covr'; did you mean 'cover'?"),
        ("data.crop=centre", "no crop is named 'centre'; did you mean 'center'?"),
        ("data.num_classes=9", "synthetic:ring:train has 8 classes but num_classes is 9"),
        ("data.image_shape=(3,)", "synthetic:ring:train"),
        ("data.prefetch=0", "prefetch 0, workers 0, max_corrupt 0: prefetch must be at"),
        ("guards.action=halt", "no guard action is named 'halt'; there are: report, roll"),
        ("parallel.mode=jot", "no parallel mode is named 'jot'; did you mean 'jit'?"),
        (
            "parallel.devices=9",
            "the mesh {'data': 9} asks for 9 devices, but 8 are present",
        ),
        (
            "train.batch_size=12",
            "a global batch of 12 cannot be split over 8 devices; use 8",
        ),
        (
            "train.microbatches=3",
            "the 2 examples of a device cannot be split into train.microbatches (3)",
        ),
        ("train.steps=150", "train.steps (150) must be a multiple of train.steps_per_disp"),
    ],
)
def test_wrong_values(train, override, message):
    assert train(override).startswith(message)


def test_a_mapped_mode_keeps_states_whole(train):
    told = train("parallel.mode=pmap", "parallel.fsdp_min_size=10")
    assert told.startswith("parallel.fsdp_min_size needs parallel.mode='jit'")


def test_networks_that_cannot_be_built(train):
    config = f"{ROOT}/configs/dcgan.py:smoke"
    told = train("data.image_shape=(9,9,3)", "data.resize=stretch", config=config)
    assert told.startswith("method 'dcgan': DCGAN cannot build 9 x 9 images")


def test_guard_rules(train, tmp_path):
    file = tmp_path / "config.py"
    file.write_text(
        "from gan_jax.config import default_config, set_guards\n\n"
        "def get_config():\n"
        "    config = default_config()\n"
        "    set_guards(config, 'stop', logit_margn={})\n"
        "    return config\n"
    )
    told = train(config=file)
    assert told == "no guard rule is named 'logit_margn'; did you mean 'logit_margin'?"


# Config files.


def test_files_that_are_not_there(train, tmp_path):
    there = tmp_path / "quickstart.py"
    there.write_text("")
    told = train(config=tmp_path / "quikstart.py")
    assert told == (
        f"there is no config file '{tmp_path}/quikstart.py'; did you mean 'quickstart.py'?"
    )
    told = train(config=tmp_path / "no" / "such.py")
    assert told == f"there is no config file '{tmp_path}/no/such.py'"


def test_variants_that_are_not_there(train):
    assert train(config=f"{RING}:smoek") == (
        f"{RING} has no variant 'smoek'; did you mean 'smoke'?"
    )


def test_a_file_may_insist_on_a_variant(train, tmp_path):
    file = tmp_path / "config.py"
    file.write_text(
        "from gan_jax.config import default_config\n"
        "def get_config(variant):\n"
        "    config = default_config()\n"
        "    config.method = {'wrong': 'dcgam'}[variant]\n"
        "    config.data.source = 'synthetic:ring'\n"
        "    return config\n"
    )
    told = train(config=f"{file}:wrong")
    assert told == "no method is named 'dcgam'; did you mean 'dcgan'?"
    assert train(config=f"{file}:other") == f"{file}, line 4: KeyError: other"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x = 1\n", " defines no get_config(variant)"),
        ("def get_config():\n    return nosuch\n", ", line 2: NameError: name 'nosuch' is"),
        ("def get_config(\n", ", line 1: '(' was never closed"),
        ("import nosuch\n", ", line 1: ModuleNotFoundError: No module named 'nosuch'"),
        ("def get_config():\n    return {}\n", ": get_config must return a ConfigDict"),
        (
            "from gan_jax.config import default_config\ndef get_config():\n"
            "    config = default_config()\n    config.train.stpes = 1\n",
            ', line 4: AttributeError: Key "stpes" does not exist and cannot be added '
            'since the config is locked. Did you mean "steps" instead of "stpes"?',
        ),
    ],
)
def test_files_that_are_wrong(train, tmp_path, text, message):
    file = tmp_path / "config.py"
    file.write_text(text)
    assert train(config=file).startswith(f"{file}{message}")


def test_what_a_config_file_refuses_is_told_as_it_is(train, tmp_path):
    file = tmp_path / "config.py"
    file.write_text(
        "from gan_jax.errors import UserError\n"
        "def get_config():\n    raise UserError('choose a number')\n"
    )
    assert train(config=file) == "choose a number"


# Work directories.


def test_a_directory_in_use(train, tmp_path):
    (tmp_path / "run").mkdir()
    with (tmp_path / "run" / "lock").open("w") as lock:
        lock.write("pid 7 on somewhere")
        lock.flush()
        fcntl.flock(lock, fcntl.LOCK_EX)
        told = train()
    assert told == (
        f"{tmp_path}/run is in use by a live run (pid 7 on somewhere): wait for it, end "
        "it, or choose another work directory"
    )


def test_a_directory_of_another_config(tmp_path, capsys):
    config = default_config()
    with open_workdir(tmp_path, config):
        pass
    words = [f"--config={RING}:smoke", f"--workdir={tmp_path}"]
    assert cli.main(["gan-jax", "train", *words]) == 2
    told = capsys.readouterr().err
    assert told.startswith(f"gan-jax: {tmp_path} was made by another config: data.source: ")
    assert 'method: "ns_gan" here, "dcgan" in the work directory' in told
    assert told.count("\n") == 1


def test_a_file_in_place_of_a_directory(train, tmp_path):
    (tmp_path / "run").write_text("")
    assert train().startswith(f"cannot write to the work directory {tmp_path}/run: ")


def test_a_package_that_is_not_installed(tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "wandb", None)
    words = [f"--config={RING}:smoke", "--config.log.wandb_project=mine"]
    assert cli.main(["gan-jax", "train", *words, f"--workdir={tmp_path}/run"]) == 2
    told = capsys.readouterr().err
    assert told.startswith(
        "gan-jax: log.wandb_project is set: Weights & Biases is not inst"
    )
    assert told.count("\n") == 1


# Interruptions.


def test_control_c_has_its_own_exit_code(monkeypatch, capsys):
    def interrupted(words):
        raise KeyboardInterrupt

    monkeypatch.setitem(cli.VERBS, "train", Verb("", interrupted))
    assert cli.main(["gan-jax", "train"]) == 130
    assert capsys.readouterr().err == "gan-jax: interrupted\n"


def test_errors_of_the_program_itself_are_not_hidden(monkeypatch):
    def broken(words):
        raise OSError(5, "Input/output error")

    monkeypatch.setitem(cli.VERBS, "train", Verb("", broken))
    with pytest.raises(OSError, match="Input/output error"):
        cli.main(["gan-jax", "train"])


def test_a_reader_who_leaves_early_is_no_error():
    reading, writing = os.pipe()
    os.close(reading)
    command = [sys.executable, "-m", "gan_jax", "--help"]
    done = subprocess.run(command, stdout=writing, stderr=subprocess.PIPE, check=False)
    os.close(writing)
    assert (done.returncode, done.stderr) == (141, b"")
