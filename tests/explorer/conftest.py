"""Runs of a second to be explored."""

from __future__ import annotations

from pathlib import Path

import pytest

from gan_jax import loop
from gan_jax.config import set_options
from gan_jax.explorer.session import Explorer
from tests.analysis.styled_run import write_run
from tests.end_to_end.conftest import caches, images, pictures, ring  # noqa: F401


@pytest.fixture(scope="session")
def workdir(pictures, tmp_path_factory) -> Path:  # noqa: F811
    """A conditional run on forty images of four classes, with three checkpoints."""
    config = pictures()
    config.method = "ns_gan"  # whose samples differ from the first step on
    set_options(config, g_features=(8,), d_features=(8,))
    config.checkpoint.keep_last = 3
    path = tmp_path_factory.mktemp("explorer") / "run"
    loop.train(config, path)
    return path


@pytest.fixture(scope="session")
def explorer(workdir) -> Explorer:
    """The run, opened."""
    return Explorer(workdir)


@pytest.fixture(scope="session")
def points(ring, tmp_path_factory) -> Explorer:  # noqa: F811
    """A run on points of the plane, opened."""
    path = tmp_path_factory.mktemp("explorer") / "ring"
    loop.train(ring(4), path)
    return Explorer(path)


@pytest.fixture(scope="session")
def styled(tmp_path_factory) -> Explorer:
    """A run whose generator has styles, opened."""
    return Explorer(write_run(tmp_path_factory.mktemp("styled"), "stylegan2"))
