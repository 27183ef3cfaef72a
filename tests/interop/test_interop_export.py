"""Exports of imported weights, and the command that makes them."""

from __future__ import annotations

import hashlib
import json
import pickle
import subprocess
import sys
from pathlib import Path

import jax
import numpy as np
import pytest

from gan_jax import cli, interop, trees
from gan_jax.errors import UserError

NAME = "04_mimicry_sngan32_D"
CLASSES = {"num_classes": 9}


@pytest.fixture(scope="module")
def imported(golden):
    case = golden(NAME)
    return interop.mimicry.import_state_dict(
        case.state_dict, "discriminator", **case.kwargs
    )


@pytest.fixture
def source(tmp_path, golden):
    np.savez(tmp_path / "netD.npz", **golden(NAME).state_dict)
    return tmp_path / "netD.npz"


@pytest.fixture
def run(capsys):
    """`run(NAME=VALUE, ...)`: exit code, output and errors of the command."""

    def command(**given):
        words = [
            f"--{name}" if value is True else f"--{name}={value}"
            for name, value in given.items()
        ]
        code = cli.main(["gan-jax", "import-weights", *words])
        return code, *capsys.readouterr()

    return command


def equal(ours, theirs):
    same_structure = jax.tree.structure(ours) == jax.tree.structure(theirs)
    assert same_structure
    jax.tree.map(np.testing.assert_array_equal, ours, theirs)


@pytest.mark.parametrize("normed", [True, False])
def test_an_export_is_what_was_imported(tmp_path, imported, normed):
    if not normed:
        imported = imported._replace(
            params=imported.variables["params"], transform_state={}
        )
    interop.write_export(tmp_path / "d.safetensors", imported, {"family": "mimicry"})
    export = interop.read_export(tmp_path / "d.safetensors")
    equal(export.variables, imported.variables)
    equal(export.params, imported.params)
    equal(export.transform_state, imported.transform_state)
    assert export.manifest == {"family": "mimicry"}


def test_statistics_are_exported(tmp_path, golden):
    case = golden("04_mimicry_sagan32_G")
    imported = interop.mimicry.import_state_dict(
        case.state_dict, "generator", **case.kwargs
    )
    interop.write_export(tmp_path / "g.safetensors", imported, {})
    export = interop.read_export(tmp_path / "g.safetensors")
    equal(export.variables, imported.variables)
    assert trees.count(export.variables["batch_stats"]) == 2 * 8 * 7


def test_parameters_before_an_equalised_learning_rate_are_exported(tmp_path, golden):
    case = golden("08_progan_G")
    imported = interop.progan.import_state_dict(case.state_dict, "generator", **case.kwargs)
    interop.write_export(tmp_path / "g.safetensors", imported, {})
    export = interop.read_export(tmp_path / "g.safetensors")
    equal(export.variables, imported.variables)
    equal(export.params, imported.params)
    assert trees.global_norm(imported.params) != trees.global_norm(imported.variables)


def test_other_files_are_no_exports(tmp_path):
    path = tmp_path / "w.safetensors"
    interop.write_safetensors(path, {"a": np.zeros(2)}, {})
    with pytest.raises(UserError, match="no export of weights; import it with import-w"):
        interop.read_export(path)


# The command.


def test_the_command(tmp_path, source, run, imported):
    given = {
        "family": "mimicry",
        "network": "discriminator",
        "input": source,
        "output": tmp_path / "out",
        "architecture": "cls=SNGANDiscriminator32,ndf=16",
    }
    path = tmp_path / "out" / "discriminator.safetensors"
    count = trees.count(imported.params)
    assert run(**given) == (0, f"mimicry discriminator: {count:,} parameters\n{path}\n", "")
    export = interop.read_export(path)
    equal(export.params, imported.params)
    assert export.manifest == {
        "family": "mimicry",
        "network": "discriminator",
        "architecture": '{"cls": "SNGANDiscriminator32", "ndf": 16}',
        "source": "netD.npz",
        "source_sha256": hashlib.sha256(source.read_bytes()).hexdigest(),
        "parameters": str(count),
    }
    before = path.stat().st_mtime_ns
    code, out, error = run(**given)
    assert (code, out) == (2, "")
    assert error == f"gan-jax: {path} exists; overwrite it with --overwrite\n"
    assert path.stat().st_mtime_ns == before
    assert run(**given, overwrite=True)[0] == 0
    assert path.stat().st_mtime_ns > before


def test_an_architecture_from_a_file(tmp_path, golden, run):
    case = golden("02_biggandeep_hf_small")
    np.savez(tmp_path / "g.npz", **case.state_dict)
    (tmp_path / "a.json").write_text(json.dumps(case.kwargs | {"truncation": 0.43}))
    given = {"family": "biggan_deep_huggingface", "network": "generator"}
    files = {"input": tmp_path / "g.npz", "output": tmp_path}
    assert run(**given, **files, architecture=tmp_path / "a.json")[0] == 0
    mean = interop.read_export(tmp_path / "generator.safetensors").variables["batch_stats"]
    means = case.state_dict["generator.bn.running_means"]
    np.testing.assert_allclose(
        mean["norm"]["mean"], 0.3 * means[4] + 0.7 * means[5], rtol=1e-5, atol=1e-6
    )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"family": "mimicri"}, "no family is named 'mimicri'; did you mean 'mimicry'?"),
        ({"network": "critic"}, "network must be generator or discriminator, got 'crit"),
        ({"input": "no/such.npz"}, "no/such.npz: no such file"),
        ({"architecture": "ndf"}, "architecture: 'ndf' has no value; write NAME=VALUE"),
        ({"architecture": "no/such.json"}, "no/such.json: no readable JSON: "),
        ({"architecture": "nfd=16"}, "no mimicry discriminator has this architecture: "),
        ({"architecture": "ndf=wide"}, "no mimicry discriminator has this architecture: "),
        ({"architecture": "ndf=8"}, "these are not the weights of mimicry's SNGANDisc"),
        ({"family": "biggan_pytorch"}, "these are not the weights of a BigGAN-PyTorch d"),
    ],
)
def test_mistakes_are_one_line_and_leave_nothing(tmp_path, source, run, change, message):
    given = {
        "family": "mimicry",
        "network": "discriminator",
        "input": source,
        "output": tmp_path / "out",
        "architecture": "ndf=16",
    }
    code, out, error = run(**given | change)
    assert (code, out) == (2, "")
    assert error.startswith(f"gan-jax: {message}")
    assert error.count("\n") == 1
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("suffix", [".npz", ".safetensors"])
@pytest.mark.parametrize("part", [0.0, 0.5, 0.99])
def test_a_truncated_file_is_one_line(tmp_path, source, run, golden, suffix, part):
    path = tmp_path / f"w{suffix}"
    if suffix == ".npz":
        path.write_bytes(source.read_bytes())
    else:
        interop.write_safetensors(path, golden(NAME).state_dict, {})
    content = path.read_bytes()
    path.write_bytes(content[: int(part * len(content))])
    given = {"family": "mimicry", "network": "discriminator", "input": path}
    code, out, error = run(**given, output=tmp_path / "out", architecture="ndf=16")
    assert (code, out) == (2, "")
    assert error.startswith(f"gan-jax: {path}: ")
    assert "truncated" in error
    assert error.count("\n") == 1
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("name", "family", "network", "classes", "message"),
    [
        ("01_biggan_D32", "biggan_pytorch", "discriminator", "n_classes", "embed.weight"),
        ("04_mimicry_sagan32_G", "mimicry", "generator", "num_classes", "b1.embed.weight"),
        ("02_biggandeep_hf_small", "biggan_deep_huggingface", "generator", "", "embedding"),
    ],
)
def test_another_number_of_classes_is_one_line(
    tmp_path, golden, run, name, family, network, classes, message
):
    case = golden(name)
    np.savez(tmp_path / "w.npz", **case.state_dict)
    change = {classes: 9} if classes else {"config": case.kwargs["config"] | CLASSES}
    (tmp_path / "a.json").write_text(json.dumps(case.kwargs | change))
    given = {"family": family, "network": network, "input": tmp_path / "w.npz"}
    code, out, error = run(
        **given, output=tmp_path / "out", architecture=tmp_path / "a.json"
    )
    assert (code, out) == (2, "")
    assert error.startswith("gan-jax: these are not the weights of ")
    assert "of another shape: " in error
    assert message in error
    assert error.count("\n") == 1
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("name", ["family", "network", "input", "output"])
def test_what_is_needed(source, run, name):
    given = {
        "family": "mimicry",
        "network": "discriminator",
        "input": source,
        "output": "x",
    }
    del given[name]
    assert run(**given) == (2, "", f"gan-jax: --{name} is missing\n")


def test_a_pickle_with_code_is_not_executed(tmp_path, run):
    made = tmp_path / "made"

    class Code:
        def __reduce__(self):
            return (Path.touch, (made,))

    (tmp_path / "w.pth").write_bytes(pickle.dumps({"a": Code()}))
    given = {"family": "mimicry", "network": "generator", "input": tmp_path / "w.pth"}
    code, out, error = run(**given, output=tmp_path / "out")
    assert (code, out) == (2, "")
    assert error.startswith(f"gan-jax: {tmp_path / 'w.pth'}: ")
    assert error.count("\n") == 1
    assert not made.exists()
    pickle.loads((tmp_path / "w.pth").read_bytes())
    assert made.exists()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", {}),
        ("G_ch=96,resolution=128", {"G_ch": 96, "resolution": 128}),
        ("a=True,b=false,c=None,d=null", {"a": True, "b": False, "c": None, "d": None}),
        ("G_attn=32_64, eps=1e-4", {"G_attn": "32_64", "eps": 1e-4}),
        ("cls=SNGANGenerator32", {"cls": "SNGANGenerator32"}),
    ],
)
def test_architectures_in_words(text, expected):
    assert interop.parse_architecture(text) == expected


def test_architectures_that_are_no_objects(tmp_path):
    (tmp_path / "a.json").write_text("[1]")
    with pytest.raises(UserError, match="must be an object"):
        interop.parse_architecture(str(tmp_path / "a.json"))


def test_families_are_imported_when_asked_for():
    code = (
        "import sys; from gan_jax import interop; "
        "print(sorted(m for m in sys.modules if m.split('.')[-1] in interop.FAMILIES)); "
        "print(interop.mimicry.__name__ == interop.FAMILIES['mimicry'])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert done.stdout == "[]\nTrue\n"
    with pytest.raises(AttributeError, match="no attribute 'stylegan9'"):
        _ = interop.stylegan9
