"""Whole files or none."""

import os

import pytest

from gan_jax import files


def test_written_with_folders_and_replaced(tmp_path):
    path = tmp_path / "a" / "b.bin"
    files.write_atomic(path, b"old")
    files.write_atomic(str(path), b"new")
    assert path.read_bytes() == b"new"
    assert os.listdir(path.parent) == ["b.bin"]


def test_failure_keeps_the_old_file_and_leaves_nothing(tmp_path, monkeypatch):
    path = tmp_path / "kept"
    files.write_atomic(path, b"old")

    def full(handle):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        files.write_atomic(path, b"new")
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["kept"]
