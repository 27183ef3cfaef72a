"""A trained run, opened to be sampled and looked at."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np
from ml_collections import ConfigDict

from gan_jax import registry
from gan_jax.checkpoint import load
from gan_jax.config import default_config
from gan_jax.data import ImageSource, open_source
from gan_jax.data.sources import split_spec
from gan_jax.engine import Algorithm, compile_game
from gan_jax.errors import UserError
from gan_jax.game import Game, View
from gan_jax.methods.sides import DISCRIMINATOR, GENERATOR
from gan_jax.methods.style_objectives import truncating
from gan_jax.metrics.measures.evidence import Generator
from gan_jax.registry import DataSettings
from gan_jax.sampler import check_samples, make_generator, views_of, with_standing
from gan_jax.session import abstract_state, example_shape, real_examples
from gan_jax.state import GameState
from gan_jax.types import Array, Key
from gan_jax.workdir import read_config


class Trained(NamedTuple):
    """A run's state with everything needed to use it.

    Attributes:
        path: the work directory.
        config: the run's, with the truncation that was asked for.
        data: the data settings, with the image shape filled in.
        game: the last stage's.
        algorithm: the game, compiled.
        state: with standing statistics, if asked for.
        step: at which it was saved.
        meta: notes of the checkpoint.
        digest: SHA-256 of the state that was saved.
    """

    path: Path
    config: ConfigDict
    data: DataSettings
    game: Game
    algorithm: Algorithm
    state: GameState
    step: int
    meta: dict[str, Any]
    digest: str

    @property
    def images_seen(self) -> int:
        """Steps times global batch size."""
        return self.step * int(self.config.train.batch_size)

    @property
    def generator(self) -> View:
        """The generator: its average if the run keeps one."""
        return self.view(GENERATOR)

    @property
    def discriminator(self) -> View:
        """The discriminator as it is."""
        return self.view(DISCRIMINATOR)

    def view(self, net: str) -> View:
        """A net, its average where the run keeps one.

        Raises:
            UserError: the game has no such net.
        """
        if net not in self.game.nets:
            has = ", ".join(self.game.nets)
            raise UserError(f"{self.path}: the run has no {net}; its nets are: {has}")
        return views_of(self.game, self.state).averaged(net)

    def latents(self, key: Key, n: int, labels: Array | None = None) -> Array:
        """What the game's own sampling gives its generator.

        Args:
            key: one, or one per sample.
            n: number of latents.
            labels: int32 (n,), or None: those that the game takes by itself.

        Returns:
            float32 (n, Z).
        """
        return self._made().latents(key, n, labels)

    def generate(self, latents: Array, labels: Array | None = None) -> Array:
        """Examples of given latents, in evaluation mode.

        Args:
            latents: float32 (n, Z).
            labels: int32 (n,); classes take turns in a conditional run if None.

        Returns:
            float32 (n, H, W, C) in [-1, 1], or points (n, d).
        """
        return self._made().generate(latents, labels)

    def _made(self) -> Generator:
        check_samples(self.game)
        self.view(GENERATOR)
        return make_generator(self.game, self.state, self.data.num_classes)

    def source(self, split: str | None = None) -> ImageSource:
        """The run's data, or another split of them."""
        return open_source(
            split_spec(self.config.data.source, split),
            data_dir=self.config.data.data_dir,
        )

    def real_images(
        self, n: int, split: str | None = None
    ) -> tuple[np.ndarray, np.ndarray | None]:
        """Real examples as the networks see them, but not augmented.

        Args:
            n: the first so many of a fixed order; all if there are fewer.
            split: of the data, such as "test"; None: that of training.

        Returns:
            uint8 (n, H, W, C) or float points, and int32 labels or None.
        """
        return real_examples(self.source(split), self.data, n)


def open_run(
    workdir: str | Path,
    *,
    step: int | None = None,
    truncation: float | None = None,
    standing: int | None = None,
    standing_key: Key | None = None,
    psi: float | None = None,
) -> Trained:
    """Opens a run's state.

    Args:
        workdir: of the run.
        step: of the checkpoint; None: the newest whole one.
        truncation: threshold beyond which values of normal latents are drawn again
            (1809.11096, section 3.1); None for those of training.
        standing: number of batches, of such latents and of all classes, whose statistics
            take the place of the running ones (1809.11096, appendix C); None for none.
        standing_key: of those latents; by default `jax.random.key(0)`.
        psi: weight of the styles around their mean (1812.04948, appendix B), of a generator
            that has styles; None for 1.

    Returns:
        The run.

    Raises:
        UserError: there is no run or no such checkpoint, the run's latents are not normal
            and cannot be truncated, or its generator has no batch norm for standing
            statistics, or no styles.
    """
    path = Path(workdir).expanduser()
    if standing is not None and standing < 1:
        raise UserError(f"--standing must be positive, got {standing}")
    config = load_config(path)
    if truncation is not None:
        config.recipe.truncation = truncation
    run = registry.resolve(config, example_shape(config))
    game = run.program[-1].game
    if psi is not None:
        try:
            game = truncating(game, psi)
        except ValueError as error:
            raise UserError(f"{workdir}: {error}; leave --psi out") from None
    algorithm = compile_game(game)
    abstract = abstract_state(config, algorithm)
    restored = load(path / "checkpoints", abstract, step=step)
    if restored is None:
        raise UserError(f"{workdir} has no checkpoint yet")
    state = restored.state
    if standing is not None:
        key = jax.random.key(0) if standing_key is None else standing_key
        size = config.train.batch_size
        state = with_standing(game, state, key, standing, size, "--standing")
    return Trained(
        path,
        config,
        run.data,
        game,
        algorithm,
        state,
        restored.step,
        restored.meta,
        restored.record.digest,
    )


def load_config(workdir: str | Path) -> ConfigDict:
    """The config a work directory was made by.

    Raises:
        UserError: there is no run there.
    """
    values = _tuples(read_config(Path(workdir).expanduser()))
    config = default_config().unlock()
    # What is open to any name is what the run had, without the defaults.
    config.guards.rules = ConfigDict()
    config.update(values)
    return config.lock()


def _tuples(value: Any) -> Any:
    """JSON's lists as the tuples that configs hold."""
    if isinstance(value, dict):
        return {name: _tuples(entry) for name, entry in value.items()}
    return tuple(_tuples(entry) for entry in value) if isinstance(value, list) else value
