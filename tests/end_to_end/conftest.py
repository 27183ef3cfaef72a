"""Runs of a second: tiny games, tiny data, and programs that are compiled once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ml_collections import ConfigDict

from gan_jax.config import default_config, set_optimizer, set_options, set_terms
from gan_jax.signals import StopRequest
from gan_jax.writers import read_jsonl


@pytest.fixture(scope="session", autouse=True)
def caches(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Programs and statistics are made once for all runs here, also in child processes."""
    folder = tmp_path_factory.mktemp("caches")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GAN_JAX_CACHE", str(folder / "gan_jax"))
        yield folder


@pytest.fixture(scope="session")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Forty images of 8 x 8 pixels in four classes."""
    path = tmp_path_factory.mktemp("data") / "images.npz"
    pixels = np.random.default_rng(0).integers(0, 256, (40, 8, 8, 1), dtype=np.uint8)
    np.savez(path, image=pixels, label=np.arange(40) % 4)
    return path


@pytest.fixture(scope="session")
def ring() -> Callable[..., ConfigDict]:
    """`ring(steps=12)`: two perceptrons on eight Gaussians."""

    def make(steps: int = 12) -> ConfigDict:
        config = default_config()
        config.method, config.data.source = "ns_gan", "synthetic:ring"
        set_options(config, g_features=(4,), d_features=(4, 4))
        config.recipe.prior, config.recipe.latent_dim = "normal", 2
        set_optimizer(config, "gd", "adam", learning_rate=1e-2)
        return _short(config, steps)

    return make


@pytest.fixture(scope="session")
def pictures(images: Path) -> Callable[..., ConfigDict]:
    """`pictures(steps=12)`: conditional convolutional nets with all that a state can have:
    batch and spectral norm, Adam, an average, a lazy phase, flips.
    """

    def make(steps: int = 12) -> ConfigDict:
        config = default_config()
        config.method, config.data.source = "dcgan", f"npz:{images}"
        config.data.num_classes, config.data.flip = 4, True
        set_options(config, width=4, kernel_size=4, d_norm="none")
        config.recipe.prior, config.recipe.latent_dim = "normal", 3
        config.recipe.d_transform = "spectral_norm"
        config.recipe.ema.half_life, config.recipe.ema.ramp = 64.0, 0.5
        penalty = {"penalty": "orthogonal", "weight": 0.1, "every": 3}
        set_terms(config, "d", ortho=penalty)
        set_optimizer(config, "gd", "adam", learning_rate=3e-2)
        return _short(config, steps)

    return make


def _short(config: ConfigDict, steps: int) -> ConfigDict:
    config.train.steps, config.train.batch_size = steps, 8
    config.parallel.devices = 1
    config.log.every, config.log.spectrum_every, config.samples.every = 4, 12, 6
    config.checkpoint.every, config.score.every = 4, 12
    config.samples.count, config.samples.columns = 6, 3
    config.score.samples = config.score.reference = 64
    return config


@pytest.fixture
def stop_at(monkeypatch: pytest.MonkeyPatch) -> Callable[[int | None], None]:
    """`stop_at(n)`: runs are asked to stop after n dispatches; None: never."""

    def ask(number: int | None) -> None:
        def reached(self: Any, done: int) -> bool:
            del self
            return number is not None and done >= number

        monkeypatch.setattr(StopRequest, "reached", reached)

    return ask


@pytest.fixture(scope="session")
def lines() -> Callable[[Path], list[dict[str, Any]]]:
    """`lines(workdir)`: the metrics of a run."""
    return lambda workdir: list(read_jsonl(workdir / "metrics.jsonl"))
