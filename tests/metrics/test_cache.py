"""The cache of computed arrays: found again, repaired when damaged, never fatal."""

import logging
from pathlib import Path

import numpy as np
import pytest

from gan_jax.metrics import cache

ARRAYS = {
    "kernel": np.arange(600, dtype=np.float32).reshape(20, 30),
    "accuracy": np.asarray(0.75),
    "classes": np.array([3, 1], np.int32),
}


def never():
    raise AssertionError("made again")


def assert_same(found):
    assert set(found) == set(ARRAYS)
    for name, array in ARRAYS.items():
        np.testing.assert_array_equal(found[name], array, strict=True)


def test_made_once_and_found_again(tmp_path):
    path = tmp_path / "deep" / "entry.npz"
    assert_same(cache.load_or_make(path, lambda: dict(ARRAYS)))
    assert_same(cache.load_or_make(path, never))
    assert [entry.name for entry in path.parent.iterdir()] == ["entry.npz"]


def flip(path):
    content = bytearray(path.read_bytes())
    content[content.index(ARRAYS["kernel"].tobytes()[400:480])] ^= 1
    path.write_bytes(content)


def truncate(path):
    path.write_bytes(path.read_bytes()[:900])


def empty(path):
    path.write_bytes(b"")


def other_content(path):
    with np.load(path) as stored:
        arrays = dict(stored)
    np.savez(path, **(arrays | {"accuracy": np.asarray(0.99)}))


def pickled(path):
    np.savez(path, **ARRAYS, sha256=np.array([{"a": 1}], dtype=object))


@pytest.mark.parametrize("damage", [flip, truncate, empty, other_content, pickled])
def test_damage_is_noticed_and_repaired(tmp_path, caplog, damage):
    path = tmp_path / "entry.npz"
    cache.load_or_make(path, lambda: dict(ARRAYS))
    damage(path)
    with caplog.at_level(logging.WARNING):
        assert_same(cache.load_or_make(path, lambda: dict(ARRAYS)))
    assert "entry.npz is damaged" in caplog.text
    assert_same(cache.load_or_make(path, never))


def test_cache_that_cannot_be_written_costs_a_warning(tmp_path, caplog):
    (tmp_path / "file").write_text("in the way")
    with caplog.at_level(logging.WARNING):
        assert_same(cache.load_or_make(tmp_path / "file" / "e.npz", lambda: dict(ARRAYS)))
    assert "cannot keep e.npz in the cache" in caplog.text


def test_digest_covers_names_dtypes_shapes_and_bytes():
    x = np.array([[1.0, 2.0, 3.0, 4.0]])
    variants = [
        {"x": x},
        {"y": x},
        {"x": x.reshape(2, 2)},
        {"x": x.astype(np.float32)},
        {"x": x.view(np.int64)},
        {"x": x + np.array([[0.0, 0.0, 0.0, 1e-15]])},
        {"x": x, "y": x},
    ]
    assert len({cache.digest(arrays) for arrays in variants}) == len(variants)
    assert cache.digest({"a": x, "b": x[:, :2]}) == cache.digest({"b": x[:, :2], "a": x})
    assert cache.digest({"x": np.asfortranarray(np.tile(x, (3, 1)))}) == cache.digest(
        {"x": np.tile(x, (3, 1))}
    )


def test_directory_follows_the_environment(monkeypatch):
    monkeypatch.setenv("HOME", "/home/someone")
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.delenv("GAN_JAX_CACHE", raising=False)
    assert cache.cache_directory() == Path("/home/someone/.cache/gan_jax")
    monkeypatch.setenv("XDG_CACHE_HOME", "/xdg")
    assert cache.cache_directory() == Path("/xdg/gan_jax")
    monkeypatch.setenv("GAN_JAX_CACHE", "/own")
    assert cache.cache_directory() == Path("/own")
    assert cache.cache_directory("~/given") == Path("/home/someone/given")
