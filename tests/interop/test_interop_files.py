"""Files of weights: what is read, what is refused, and that nothing in them is executed."""

from __future__ import annotations

import json
import pickle
import sys
import types
from pathlib import Path

import jax.numpy as jnp
import numpy as np
import pytest

from gan_jax.errors import UserError
from gan_jax.interop.files import read_safetensors, read_state_dict, write_safetensors

ARRAYS = {
    "w": np.arange(6, dtype=np.float32).reshape(2, 3),
    "half": np.array([0.5, -2.0], np.float16),
    "bf": np.array([1.5, -3.0], jnp.bfloat16),
    "double": np.array(0.1),
    "steps": np.array([7], np.int64),
    "small": np.array([[-1]], np.int32),
    "bytes": np.array([0, 255], np.uint8),
    "flags": np.array([True, False]),
    "empty": np.zeros((0, 4), np.float32),
}


class Code:
    """Unpickled, it makes a file."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (Path.touch, (self.path,))


def same(found, expected):
    assert list(found) == list(expected)
    for key, x in expected.items():
        assert found[key].dtype == x.dtype
        np.testing.assert_array_equal(found[key], x)


# safetensors.


def test_arrays_and_manifest_come_back(tmp_path):
    path = tmp_path / "new" / "w.safetensors"
    write_safetensors(path, ARRAYS, {"family": "mimicry", "note": "ü"})
    found, manifest = read_safetensors(path)
    same(found, ARRAYS)
    assert manifest == {"family": "mimicry", "note": "ü"}
    same(read_state_dict(path), ARRAYS)
    assert [file.name for file in path.parent.iterdir()] == ["w.safetensors"]


def test_the_bytes_are_those_of_the_format(tmp_path):
    path = tmp_path / "w.safetensors"
    write_safetensors(path, {"a": np.array([1, 2], np.float32)}, {"k": "v"})
    content = path.read_bytes()
    size = int.from_bytes(content[:8], "little")
    assert size % 8 == 0
    assert json.loads(content[8 : 8 + size]) == {
        "__metadata__": {"k": "v"},
        "a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]},
    }
    assert content[8 + size :] == np.array([1, 2], "<f4").tobytes()


def test_types_it_cannot_hold_leave_no_file(tmp_path):
    path = tmp_path / "w.safetensors"
    with pytest.raises(UserError, match="z has type complex64, which it cannot hold"):
        write_safetensors(path, {"z": np.zeros(2, np.complex64)}, {})
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("size", [0, 5, 8, 40, -1])
def test_truncated_safetensors(tmp_path, size):
    path = tmp_path / "w.safetensors"
    write_safetensors(path, ARRAYS, {})
    path.write_bytes(path.read_bytes()[:size])
    with pytest.raises(UserError, match=r"w.safetensors: .*truncated"):
        read_state_dict(path)


GOOD = {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}


@pytest.mark.parametrize(
    ("header", "message"),
    [
        ({"a": GOOD | {"dtype": "F31"}}, "its header is not that of a safetensors file"),
        ({"a": GOOD | {"shape": [3]}}, "its header is not that"),
        ({"a": GOOD | {"shape": [-2]}}, "its header is not that"),
        ({"a": GOOD | {"shape": [2.0]}}, "its header is not that"),
        ({"a": GOOD | {"shape": [True, 2]}}, "its header is not that"),
        ({"a": GOOD | {"data_offsets": [8, 0]}}, "its header is not that"),
        ({"a": GOOD | {"data_offsets": [-8, 0]}}, "its header is not that"),
        ({"a": {"dtype": "F32"}}, "its header is not that"),
        ({"a": 3}, "its header is not that"),
        ({"__metadata__": 3, "a": GOOD}, "its header is not that"),
        ([GOOD], "its header is not that"),
        ({"a": GOOD, "b": GOOD}, "its arrays overlap"),
        ({"a": GOOD | {"data_offsets": [8, 16]}}, "truncated: 8 bytes of arrays of 16"),
        ({}, "there is something between them"),
    ],
)
def test_headers_that_lie(tmp_path, header, message):
    path, text = tmp_path / "w.safetensors", json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + bytes(8))
    with pytest.raises(UserError, match=message):
        read_state_dict(path)


def test_headers_that_exhaust_the_parser(tmp_path):
    path, text = tmp_path / "w.safetensors", b"[" * 200_000
    path.write_bytes(len(text).to_bytes(8, "little") + text)
    with pytest.raises(UserError, match="its header is not that of a safetensors file"):
        read_state_dict(path)


# npz.


def test_npz(tmp_path):
    arrays = {key: x for key, x in ARRAYS.items() if key != "bf"}
    np.savez(tmp_path / "w.npz", **arrays)
    same(read_state_dict(tmp_path / "w.npz"), arrays)
    np.savez(tmp_path / "p.npz", **{f"module.{key}": x for key, x in arrays.items()})
    same(read_state_dict(str(tmp_path / "p.npz")), arrays)


@pytest.mark.parametrize("keep", [0, 3, 100, 300])
def test_truncated_npz(tmp_path, keep):
    path = tmp_path / "w.npz"
    np.savez(path, w=np.zeros(100, np.float32))
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(UserError, match=r"w.npz: truncated, or no .npz file"):
        read_state_dict(path)


def test_damaged_and_other_npz(tmp_path):
    path = tmp_path / "w.npz"
    np.savez_compressed(path, w=np.random.default_rng(0).normal(size=100))
    content = bytearray(path.read_bytes())
    content[200:260] = bytes(60)
    path.write_bytes(content)
    with pytest.raises(UserError, match=r"truncated, or no .npz file"):
        read_state_dict(path)
    with path.open("wb") as file:
        np.save(file, np.zeros(3))
    with pytest.raises(UserError, match=r"truncated, or no .npz file"):
        read_state_dict(path)


def test_objects_in_an_npz_are_refused(tmp_path):
    made = tmp_path / "made"
    np.savez(tmp_path / "w.npz", w=np.array([Code(made)], object))
    with pytest.raises(UserError, match="it holds Python objects, which could run code"):
        read_state_dict(tmp_path / "w.npz")
    (tmp_path / "p.npz").write_bytes(pickle.dumps(Code(made)))
    with pytest.raises(UserError, match=r"p.npz: truncated, or no .npz file"):
        read_state_dict(tmp_path / "p.npz")
    assert not made.exists()


# PyTorch.


@pytest.mark.parametrize("name", ["w.pth", "w.pt", "w.bin", "w.pth.tar"])
def test_without_pytorch_its_files_are_not_touched(tmp_path, monkeypatch, name):
    made = tmp_path / "made"
    (tmp_path / name).write_bytes(pickle.dumps(Code(made)))
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(UserError, match=r"needs PyTorch: pip install 'gan-jax\[weights\]'"):
        read_state_dict(tmp_path / name)
    assert not made.exists()


def test_versions_that_could_be_made_to_run_code_are_refused(tmp_path, monkeypatch):
    (tmp_path / "w.pth").touch()
    monkeypatch.setitem(
        sys.modules, "torch", types.SimpleNamespace(__version__="2.5.1+cpu")
    )
    with pytest.raises(UserError, match=r"PyTorch 2.5.1\+cpu can be made to run code"):
        read_state_dict(tmp_path / "w.pth")


class Tensor(np.ndarray):
    """Enough of a tensor."""

    def detach(self):
        return self

    def numpy(self):
        return np.asarray(self)


def tensor(values):
    return np.asarray(values, np.float32).view(Tensor)


@pytest.fixture
def loaded(tmp_path, monkeypatch):
    """`loaded(content)`: what is read when PyTorch finds that, or raises it."""

    def read(content):
        def load(path, *, map_location, weights_only):
            assert (map_location, weights_only) == ("cpu", True)
            if isinstance(content, Exception):
                raise content
            return content

        fake = types.SimpleNamespace(
            __version__="2.13.0", Tensor=Tensor, bfloat16="bfloat16", load=load
        )
        monkeypatch.setitem(sys.modules, "torch", fake)
        (tmp_path / "w.pth").touch()
        return read_state_dict(tmp_path / "w.pth")

    return read


@pytest.mark.parametrize(
    "wrappers", [[], ["state_dict"], ["model"], ["model", "state_dict"]]
)
def test_state_dicts_within_dicts(loaded, wrappers):
    content = {"a": tensor([1, 2]), "b.c": tensor([[3]])}
    expected = {key: np.asarray(x) for key, x in content.items()}
    for name in wrappers:
        content = {"step": 3, name: content}
    same(loaded(content), expected)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (pickle.UnpicklingError("Unsupported global"), "refused, nothing was executed"),
        (RuntimeError("PytorchStreamReader"), "w.pth: truncated, or no file of PyTorch's"),
        (EOFError(), "w.pth: truncated, or no file of PyTorch's"),
        ([1, 2], "it holds a list, not a state_dict"),
        ({"a": tensor([1]), "step": 3}, "'step' is a int, not an array"),
    ],
)
def test_what_is_no_state_dict(loaded, content, message):
    with pytest.raises(UserError, match=message):
        loaded(content)


def test_files_of_pytorch(tmp_path):
    torch = pytest.importorskip("torch")
    weights = {
        "a": torch.arange(6.0).reshape(2, 3),
        "b": torch.ones(2, dtype=torch.bfloat16),
    }
    for name, content in (("w.pth", weights), ("m.pt", {"model_state_dict": weights})):
        torch.save(content, tmp_path / name)
        found = read_state_dict(tmp_path / name)
        same(
            found,
            {
                "a": np.arange(6, dtype=np.float32).reshape(2, 3),
                "b": np.ones(2, np.float32),
            },
        )
    content = (tmp_path / "w.pth").read_bytes()
    for size in (0, 50, len(content) // 2, len(content) - 30):
        (tmp_path / "w.pth").write_bytes(content[:size])
        with pytest.raises(UserError, match=r"w.pth: (truncated|damaged)"):
            read_state_dict(tmp_path / "w.pth")


def test_code_in_files_of_pytorch_is_refused(tmp_path):
    torch = pytest.importorskip("torch")
    made = tmp_path / "made"
    torch.save({"a": torch.ones(2), "b": Code(made)}, tmp_path / "w.pth")
    (tmp_path / "p.pth").write_bytes(pickle.dumps(Code(made)))
    for name in ("w.pth", "p.pth"):
        with pytest.raises(
            UserError, match="could run code; refused, nothing was executed"
        ):
            read_state_dict(tmp_path / name)
    assert not made.exists()


# Names.


def test_what_is_not_there(tmp_path):
    with pytest.raises(UserError, match=r"w.npz: no such file$"):
        read_state_dict(tmp_path / "w.npz")
    with pytest.raises(UserError, match=r"read from .npz, .safetensors, .* not '.h5'$"):
        read_state_dict(tmp_path / "w.h5")
