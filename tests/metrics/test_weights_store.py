"""Weights from the cache, or downloaded and verified; here from a file's own address."""

import hashlib
import logging

import numpy as np
import pytest

from gan_jax.errors import UserError
from gan_jax.metrics import extractors, weights_store
from gan_jax.metrics.weights_store import Origin, Published

ORIGIN = Origin("squeezenet", "squeezenet11")


@pytest.fixture
def server(tmp_path):
    """The package's own SqueezeNet as a file that is published."""
    content = (weights_store._FOLDER / "squeezenet11.npz").read_bytes()
    digest = hashlib.sha256(content).hexdigest()[:8]
    path = tmp_path / "server" / f"small-{digest}.npz"
    path.parent.mkdir()
    path.write_bytes(content)
    return path


def leaf(imported):
    return np.asarray(imported.params["fire9"]["expand3x3"]["kernel"])


def test_downloaded_once_and_kept(server, tmp_path, monkeypatch, caplog):
    file = Published(server.as_uri(), server.stem[-8:])
    assert file.name == server.name
    first = weights_store.published(file, ORIGIN, "", tmp_path)
    assert "downloading file:" in caplog.text
    expected = leaf(weights_store.built_in("squeezenet11", ORIGIN))
    np.testing.assert_array_equal(leaf(first), expected)
    kept = sorted(path.name for path in (tmp_path / "weights").iterdir())
    assert kept == [server.name, "squeezenet11.safetensors"]
    # What was imported is enough from then on.
    server.unlink()
    (tmp_path / "weights" / server.name).unlink()
    asked = []

    def exported(path, origin):
        asked.append((path, origin))
        return first

    monkeypatch.setattr(weights_store, "from_file", exported)
    assert weights_store.published(file, ORIGIN, "", tmp_path) is first
    assert asked == [(tmp_path / "weights" / "squeezenet11.safetensors", ORIGIN)]


def test_another_file_is_refused_and_not_kept(server, tmp_path):
    file = Published(server.as_uri(), server.stem[-8:])
    server.write_bytes(server.read_bytes()[:-1] + b"?")
    with pytest.raises(UserError, match=f"begins with [0-9a-f]{{8}}, not {file.digest}"):
        weights_store.published(file, ORIGIN, "", tmp_path)
    assert not (tmp_path / "weights").exists()
    (tmp_path / "weights").mkdir()
    (tmp_path / "weights" / file.name).write_bytes(b"truncated")
    with pytest.raises(UserError, match="is not the published file: .* delete it"):  # noqa: RUF043
        weights_store.published(file, ORIGIN, "", tmp_path)


def test_a_cache_that_cannot_be_written_costs_a_warning(
    server, tmp_path, monkeypatch, caplog
):
    def refuse(*args):
        raise OSError("disk full")

    monkeypatch.setattr(weights_store, "write_export", refuse)
    with caplog.at_level(logging.WARNING):
        found = weights_store.published(
            Published(server.as_uri(), server.stem[-8:]), ORIGIN, "", tmp_path
        )
    assert "cannot keep squeezenet11.safetensors in the cache: disk full" in caplog.text
    assert leaf(found).shape == (3, 3, 64, 256)


def test_without_internet_one_line_says_what_to_do(tmp_path, monkeypatch):
    assert weights_store.INCEPTION.name == "pt_inception-2015-12-05-6726825d.pth"
    offline = Published((tmp_path / "absent-00000000.pth").as_uri(), "00000000")
    monkeypatch.setattr(weights_store, "INCEPTION", offline)
    for torch, begin in ((True, "cannot download absent-0"), (None, "reading absent-00")):
        monkeypatch.setattr(weights_store.importlib.util, "find_spec", lambda _, t=torch: t)
        with pytest.raises(UserError, match=begin) as error:
            extractors.open_features("inception_clean", cache_dir=tmp_path / "kept")
        text = str(error.value)
        assert "\n" not in text
        assert f"get {offline.url} and put it into {tmp_path}/kept/weights" in text
        assert "inception_clean:PATH" in text
        assert all(name in text for name in extractors.OFFLINE)
