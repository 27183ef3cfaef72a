"""Texts of a run, a line each."""

from __future__ import annotations

from pathlib import Path

import jax

from gan_jax import files
from gan_jax.data.protocol import known_vocabulary
from gan_jax.data.vocabulary import Vocabulary
from gan_jax.engine import compile_game
from gan_jax.errors import UserError
from gan_jax.methods.texts import with_temperature
from gan_jax.sampler import in_turn, make_sampler
from gan_jax.trained import Trained, open_run


def sample_text(
    workdir: str | Path,
    *,
    n: int = 64,
    seed: int = 0,
    temperature: float = 1.0,
    step: int | None = None,
) -> list[str]:
    """Texts of a run's newest whole state.

    Args:
        workdir: of the run.
        n: number of texts.
        seed: of the draws; a text depends on the seed and its place alone.
        temperature: that logits are divided by: below 1 for likelier texts.
        step: of the checkpoint; None: the newest whole one.

    Returns:
        n lines.

    Raises:
        UserError: there is no run or no checkpoint, it makes no texts, a number is out of
            range, or its data, whose symbols are needed, are not there or others now.
    """
    if n < 1 or not temperature > 0.0:
        raise UserError(f"--n and --temperature must be positive: {n} and {temperature}")
    run = open_run(workdir, step=step)
    if len(run.data.image_shape) != 2:
        raise UserError(f"{workdir} makes no text; draw its samples with gan-jax sample")
    vocabulary = _vocabulary(run)
    algorithm = compile_game(with_temperature(run.game, temperature))
    sampler = make_sampler(algorithm, jax.random.key(seed), in_turn(None))
    return vocabulary.decode(sampler.draw(run.state, n, 0)[0])


def _vocabulary(run: Trained) -> Vocabulary:
    """The symbols of a run's data."""
    source, tokens = run.source(), run.data.image_shape[1]
    vocabulary = known_vocabulary(source)
    if vocabulary is None or vocabulary.size != tokens:
        raise UserError(
            f"{source.name} is not what {run.path} was trained on, whose vocabulary has "
            f"{tokens} tokens; bring the old data back"
        )
    return vocabulary


def check_output(output: str, overwrite: bool) -> Path:
    """Where texts are to be written.

    Raises:
        UserError: the file exists and may not be replaced.
    """
    path = Path(output).expanduser()
    if path.exists() and not overwrite:
        raise UserError(f"{output} exists; overwrite it with --overwrite")
    return path


def write_lines(path: Path, lines: list[str]) -> None:
    """Writes lines to a UTF-8 file, atomically.

    Raises:
        UserError: it cannot be written.
    """
    try:
        files.write_atomic(path, "".join(f"{line}\n" for line in lines).encode())
    except OSError as error:
        raise UserError(f"cannot write {path}: {error.strerror}") from error
