"""Commands that look at a config, a run or data, and change nothing."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import jax
import numpy as np
from ml_collections import ConfigDict

from gan_jax import pictures, registry, trees
from gan_jax.checkpoint import latest_digest
from gan_jax.data import ImageSource, open_source
from gan_jax.data.protocol import known_vocabulary
from gan_jax.data.sheets import contact_sheet
from gan_jax.data.validation import validate as validate_source
from gan_jax.engine import compile_game
from gan_jax.errors import UserError
from gan_jax.game import rounds
from gan_jax.sampler import always, check_samples, in_turn, make_sampler
from gan_jax.session import abstract_batch, abstract_state, example_shape
from gan_jax.trained import load_config, open_run


def digest(workdir: str) -> str:
    """SHA-256 of the newest whole state of a work directory.

    Raises:
        UserError: there is none.
    """
    return latest_digest(_checkpoints(workdir)).digest


def _checkpoints(workdir: str) -> Path:
    return Path(workdir).expanduser() / "checkpoints"


def sample(
    workdir: str,
    output: str,
    *,
    n: int,
    columns: int,
    seed: int,
    label: int | None,
    truncation: float | None = None,
    standing: int | None = None,
    psi: float | None = None,
) -> None:
    """Writes samples of a run's newest whole state as one PNG.

    Args:
        workdir: of the run.
        output: PNG to write.
        n: number of samples.
        columns: columns of the grid.
        seed: of the latents; a sample depends on the seed and its place alone.
        label: class of all samples; None cycles through the classes of a conditional run.
        truncation: threshold beyond which values of normal latents are drawn again
            (1809.11096, section 3.1); None for those of training.
        standing: number of batches, of such latents and of all classes, whose statistics
            take the place of the running ones (1809.11096, appendix C); None for none.
        psi: weight of the styles around their mean (1812.04948, appendix B); None for 1.

    Raises:
        UserError: there is no run or no checkpoint, a number is out of range, the label is
            no class of the run, its latents are not normal and cannot be truncated, its
            generator has no batch norm for standing statistics or no styles, or the picture
            cannot be drawn or written.
    """
    if n < 1 or columns < 1:
        raise UserError(f"--n and --columns must be positive, got {n} and {columns}")
    classes = load_config(workdir).data.num_classes
    if label is not None and (classes is None or not 0 <= label < classes):
        has = "has no classes" if classes is None else f"has the classes 0..{classes - 1}"
        raise UserError(f"--label={label}: the run {has}")
    key = jax.random.key(seed)
    run = open_run(
        workdir, truncation=truncation, standing=standing, standing_key=key, psi=psi
    )
    check_samples(run.game)
    if len(run.data.image_shape) == 2:
        raise UserError(f"{workdir} makes texts; draw them with gan-jax sample-text")
    labels_of = in_turn(classes) if label is None else always(label)
    sampler = make_sampler(run.algorithm, key, labels_of)
    _draw(output, sampler.draw(run.state, n, 0)[0], columns)


def _draw(output: str, images: np.ndarray, columns: int) -> None:
    try:
        if images.ndim == 4:
            pictures.save_png(output, pictures.grid(images, columns=columns))
        elif images.shape[1] == 2:
            pictures.save_samples(output, images)
        else:
            raise UserError(f"points of {images.shape[1]} dimensions cannot be pictured")
    except OSError as error:
        raise UserError(f"cannot write {output}: {error.strerror}") from error


def describe(config: ConfigDict) -> dict[str, Any]:
    """Nets, shapes and exact parameter counts of a config, without computing anything.

    Returns:
        A JSON value: method, image shape, rounds of data per step, and per net its number
        of parameters and the shape of each. Operations per step are None where the
        platform does not count them.

    Raises:
        UserError: the config is wrong.
    """
    run = registry.resolve(config, example_shape(config))
    game = run.program[-1].game
    algorithm = compile_game(game)
    state = abstract_state(config, algorithm)
    batch = abstract_batch(run.data, (rounds(game), config.train.batch_size))
    cost = jax.jit(algorithm.step).lower(state, batch).cost_analysis() or {}
    nets = {}
    for name, player in state.players.items():
        for net, params in player.params.items():
            leaves = {path: list(x.shape) for path, x in trees.leaves_with_path(params)}
            nets[net] = {
                "player": name,
                "parameters": trees.count(params),
                "shapes": leaves,
            }
    return {
        "method": config.method,
        "image_shape": list(run.data.image_shape),
        "num_classes": run.data.num_classes,
        "batch_size": config.train.batch_size,
        "rounds_per_step": rounds(game),
        "flops_per_step": cost.get("flops"),
        "phases": [
            {"name": p.name, "movers": p.movers, "repeat": p.repeat, "every": p.every}
            for p in game.phases
        ],
        "nets": nets,
    }


def render(description: dict[str, Any]) -> str:
    """`describe` as text for people."""
    lines = [f"{description['method']} at {tuple(description['image_shape'])}"]
    lines[0] += f", batch {description['batch_size']}"
    if description["flops_per_step"] is not None:
        lines[0] += f", {description['flops_per_step'] / 1e9:,.2f} GFLOP a step"
    for phase in description["phases"]:
        every = "" if phase["every"] == 1 else f", every {phase['every']} steps"
        movers = ", ".join(phase["movers"])
        lines.append(f"  phase {phase['name']}: {movers} x {phase['repeat']}{every}")
    for net, entry in description["nets"].items():
        lines.append(f"{net}: {entry['parameters']:,} parameters")
        lines += [f"  {path:<56} {tuple(shape)}" for path, shape in entry["shapes"].items()]
    return "\n".join(lines)


def validate(
    spec: str,
    *,
    data_dir: str | None,
    num_classes: int | None,
    sheet: str | None,
    as_json: bool,
) -> int:
    """Looks a whole data source over and prints what it found.

    Returns:
        0 if the data can be trained on, 1 if something is wrong with them.
    """
    source = open_source(spec, data_dir=data_dir)
    report = validate_source(source, num_classes=num_classes)
    print(json.dumps(report.to_dict(), indent=2) if as_json else report.to_text())
    if sheet is not None:
        _write_sheet(source, sheet)
        # Whoever reads JSON gets nothing else.
        print(sheet, file=sys.stderr if as_json else sys.stdout)
    return 0 if report.ok else 1


def _write_sheet(source: ImageSource, sheet: str) -> None:
    arrays = getattr(source, "arrays", None)
    if arrays is not None and arrays["image"].ndim == 2:
        kind = "points" if known_vocabulary(source) is None else "text"
        raise UserError(f"{source.name} holds {kind}, of which there is no contact sheet")
    try:
        contact_sheet(source, sheet)
    except OSError as error:
        raise UserError(f"cannot write {sheet}: {error.strerror}") from error
