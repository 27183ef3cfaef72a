"""The page's text and tables, from what was measured."""

from __future__ import annotations

import shlex
import textwrap
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from experiments.biggan.measure import (
    NEIGHBOURS,
    PASS_BATCH,
    PASSES,
    Cell,
    Curve,
    Finished,
    Scores,
    category_names,
)
from experiments.biggan.runs import (
    BATCH,
    CLASSES,
    EMBEDDING,
    KILLED,
    LATENT,
    ROW_STEPS,
    ROWS,
    RUNS,
    SCALE_BATCH,
    SCALE_WIDTH,
    SCORED,
    SIZE,
    Row,
    paper_parameters,
)
from experiments.biggan.train import TWIN_STEPS
from experiments.logs import Resumed, Traces, growth
from experiments.report import table, wrapped

EACH, SHOWN_THRESHOLDS = 10, (2.0, 1.0, 0.5, 0.15)
"""Samples of a category in pictures, and thresholds of those truncated."""


class Study(NamedTuple):
    """Everything measured.

    Attributes:
        done: the three runs.
        curve: truncation of the run that was killed.
        traced: its singular values, by net.
        again: what it trained twice.
        digests: of it and of its twin at one step, by name.
        cells: the ablation.
        known: scores of real images, to read others by.
        accuracy: of the classifier on held-out emoji.
    """

    done: Mapping[str, Finished]
    curve: Curve
    traced: Mapping[str, Traces]
    again: Sequence[Resumed]
    digests: Mapping[str, str]
    cells: Mapping[Row, Cell]
    known: Mapping[str, Scores]
    accuracy: float


def page(study: Study) -> str:
    """The page, without how it was made."""
    return f"""# SNGAN, SAGAN and BigGAN on emoji

Three conditional runs on the {CLASSES} categories of the built-in emoji at {SIZE} pixels,
through the loop of `gan-jax train`, on CPU cores: small, and trained for minutes where the
papers train for days. Scores are of {SCORED:,} samples of the generator's average, with
categories as frequent as in the data, in the features of the project's own emoji
classifier, which is right on {study.accuracy:.0%} of held-out emoji: the Fréchet distance
to the training images (not an Inception distance), precision and recall with {NEIGHBOURS}
neighbours, the share in which the classifier is sure of a category (recognised), and the
share to which it gives the category asked for (accuracy).

{runs_table(study.done, study.known)}

The classifier was trained on the training images, and a distance of fewer images is biased
upwards: there are few held-out ones.

{legend()}
Flags are told at a glance in all three; of most other categories there are colours and
outlines.

![SNGAN](samples_sngan.png) ![SAGAN](samples_sagan.png)
![BigGAN](samples_biggan.png) ![Training images](real.png)

![Distances and losses while training](training.png)

The distances of the left plot are those that the runs logged themselves: of samples of all
categories equally often, so that they do not compare with the table's.

## Truncation, and standing against running statistics

Values of the {KILLED} run's latents beyond a threshold are drawn again. Standing statistics
are means over {PASSES} batches of {PASS_BATCH} at that threshold; running ones are the
averages of training. Each cell is running / standing.

{curve_table(study.curve)}

![Scores against the threshold](truncation.png)

{truncation_summary(study.curve)}

![The same categories at four thresholds](truncated.png)

Thresholds {", ".join(f"{t:g}" for t in SHOWN_THRESHOLDS)} from left to right, running
statistics, {EACH // 2} latents a category.

## Singular values

![The three top singular values of every kernel](spectra.png)

Of every kernel of the {KILLED} run, as trained and not as divided by the spectral norm.

{spectra_summary(study.traced)}

## Killed and gone on

{resumed_summary(study.again, study.digests)}

## The ablation of BigGAN's Table 1

The rows of the paper with batches divided by {SCALE_BATCH} and widths by {SCALE_WIDTH}, at
{SIZE} pixels: {ROW_STEPS} steps of the generator each, latents of {LATENT}, a shared
embedding of {EMBEDDING}, an average of the generator with 0.99 a step. Beside them the
parameters of both networks at the paper's size (128 pixels, 1,000 classes, the shared
embedding left out), counted in this library's networks without computing anything, and what
the paper reports for ImageNet. In brackets the paper's batch and width. So few steps are
the beginning of training: they show who is faster, not who is better in the end.

{ablation_table(study.cells)}

{ablation_summary(study.cells)}

## What differs from the papers

- The data ({SIZE} pixels, 1,666 images), the widths, a batch of {BATCH} in the three runs
  (64 in SNGAN, 256 in SAGAN, 2,048 in BigGAN), and the length of training.
- Adam's rates are 4e-4 and 1.6e-3 everywhere: the ratio of 4 of SAGAN (1e-4, 4e-4) and
  BigGAN (5e-5, 2e-4). SNGAN has 2e-4 for both players.
- SNGAN has two discriminator steps instead of five, as many generated images as real ones
  in the generator's phase instead of twice as many, and an average of the generator, which
  its paper has not. The average's half-life is 5,000 images in all three runs.
- The networks are those for 32 pixels: BigGAN's has no attention there, as in public code
  for CIFAR, and SAGAN's attends at 16 x 16.
- In the ablation: all rows have BigGAN's networks and two discriminator steps, also the
  first, which is SAGAN's own result in the paper; latents are equally long in all rows; a
  row is one run, so that neighbours may change places by chance; and all rows have equally
  many steps, so that those of large batches see more images, as in the paper.

The runs were trained before, by `python -m experiments.biggan.train --folder FOLDER --part
PART` with the parts SNGAN, SAGAN, BigGAN and rows side by side, on 2 cores that other work
used at the same time: the minutes, of steps alone, do not tell speed. The starts count all,
also those with another number of steps, which may change when a run goes on; what a run had
done beyond the number below was taken back to the checkpoint there. The commands:

{commands()}
"""


_SCORE_NAMES = ("distance", "precision", "recall", "recognised", "accuracy")


def _cells(scores: Scores) -> list[str]:
    return [f"{scores.distance:.1f}", *(f"{share:.0%}" for share in scores[1:])]


def legend() -> str:
    """What is where in the pictures."""
    return wrapped(
        f"One row a category, from the top: {', '.join(category_names())}. {EACH} latents "
        f"each, not chosen. {', '.join(RUNS)}, and training images."
    )


def runs_table(done: Mapping[str, Finished], known: Mapping[str, Scores]) -> str:
    """The three runs, and real images."""
    head = (
        "",
        "parameters",
        "steps (of D each)",
        "images",
        "starts",
        "minutes",
        *_SCORE_NAMES,
    )
    rows = [
        (
            method,
            f"{run.parameters:,}",
            f"{run.steps:,} ({run.d_steps})",
            f"{run.steps * BATCH:,}",
            run.starts,
            f"{run.minutes:.0f}",
            *_cells(run.scores),
        )
        for method, run in done.items()
    ]
    real = [(name, *[""] * 5, *_cells(scores)) for name, scores in known.items()]
    return table(head, [*rows, *real])


def curve_table(curve: Curve) -> str:
    """Scores by threshold, with running and with standing statistics."""
    rows = [
        (_named(threshold), *map(" / ".join, zip(_cells(run), _cells(stand), strict=True)))
        for threshold, (run, stand) in curve.items()
    ]
    return table(("threshold", *_SCORE_NAMES), rows)


def _named(threshold: float | None) -> str:
    return "none" if threshold is None else f"{threshold:g}"


def truncation_summary(curve: Curve) -> str:
    """What happens to fidelity and diversity, and which statistics are better where."""
    last = min(threshold for threshold in curve if threshold is not None)
    lines = []
    for which, name in enumerate(("running", "standing")):
        start, end = curve[None][which], curve[last][which]
        best = min(curve, key=lambda threshold: curve[threshold][which].distance)
        lines.append(
            f"- With {name} statistics, from no truncation to {last:g}: distance "
            f"{start.distance:.1f} to {end.distance:.1f}, recall (diversity) "
            f"{start.recall:.0%} to {end.recall:.0%}, recognised "
            f"{start.recognised:.0%} to {end.recognised:.0%}, accuracy (fidelity) "
            f"{start.accuracy:.0%} to {end.accuracy:.0%}. The distance is smallest, "
            f"{curve[best][which].distance:.1f}, at the threshold {_named(best)}."
        )
    better = [_named(t) for t, (run, stand) in curve.items() if stand[0] < run[0]]
    lines.append(
        f"- Standing statistics have the smaller distance at {len(better)} of "
        f"{len(curve)} thresholds ({', '.join(better) or 'none of them'})."
    )
    least = min(scores.precision for pair in curve.values() for scores in pair)
    lines.append(
        f"- Precision does not tell fidelity here: it is at least {least:.0%} "
        "everywhere, also where the distance is largest."
    )
    return "\n".join(wrapped(line, "  ") for line in lines)


def spectra_summary(traced: Mapping[str, Traces]) -> str:
    """By how much the largest values grew."""
    parts = []
    for net, found in traced.items():
        grown = growth(found)
        most = max(grown, key=lambda path: grown[path])
        parts.append(
            f"The largest values of the {net}'s {len(grown)} kernels grew from step "
            f"{found.steps[0]} to step {found.steps[-1]:,} by a factor of "
            f"{np.median(list(grown.values())):.2f} in the median and of {grown[most]:.2f} "
            f"at most (`{most}`)."
        )
    parts.append(
        "The rule `spectrum_growth` of the run's config, which stops a run when a value "
        "grows tenfold within ten looks, did not speak."
    )
    return wrapped(" ".join(parts))


def resumed_summary(again: Sequence[Resumed], digests: Mapping[str, str]) -> str:
    """How often it was killed, and whether that changed anything."""
    times = "; ".join(
        f"after step {one.killed:,}, when it went on from the checkpoint of step "
        f"{one.resumed:,}, and {one.equal} of the {one.lines} lines of metrics that it "
        "logged twice are equal to the last bit in all but the speed"
        for one in again
    )
    same = "the same" if len(set(digests.values())) == 1 else "not the same"
    shown = ", ".join(f"{name} `{value[:16]}`" for name, value in digests.items())
    return wrapped(
        f"The {KILLED} run was killed by SIGKILL {len(again)} times and started again by "
        f"the same command: {times}. At step {TWIN_STEPS}, after the first kill, its whole "
        f"state is {same} as that of a twin that nobody killed, by SHA-256 ({shown})."
    )


def ablation_table(cells: Mapping[Row, Cell]) -> str:
    """The rows at small scale beside the paper's."""
    head = (
        "batch", "width", "shared", "skip-z", "ortho", *_SCORE_NAMES[:3], "parameters",
        "millions at full size", "the paper's", "its FID", "its IS",
    )  # fmt: skip
    rows = []
    for row, cell in cells.items():
        fid, inception, millions = row.paper
        rows.append(
            (
                f"{row.batch // SCALE_BATCH} ({row.batch:,})",
                f"{row.width // SCALE_WIDTH} ({row.width})",
                *("yes" if has else "" for has in (row.shared, row.skip, row.ortho)),
                *_cells(cell.scores)[:3],
                f"{cell.parameters:,}",
                f"{paper_parameters(row) / 1e6:.1f}",
                f"{millions:.1f}",
                f"{fid:.2f}",
                f"{inception:.2f}",
            )
        )
    return table(head, rows)


_CHANGES = (
    ("eight times the batch", 0, 3),
    ("half as many channels again", 3, 4),
    ("sharing the embedding", 4, 5),
    ("splitting the latent", 5, 6),
    ("orthogonal regularisation", 6, 7),
    ("fewer channels", 7, 8),
)
"""What changes between two rows of the paper's table."""


def ablation_summary(cells: Mapping[Row, Cell]) -> str:
    """The changes from row to row that the paper's order is about."""
    parts = []
    for name, first, second in _CHANGES:
        one, other = ROWS[first], ROWS[second]
        here = [cells[row].scores.distance for row in (one, other)]
        parts.append(
            f"{name} {here[0]:.0f} to {here[1]:.0f} (in the paper {one.paper[0]:.2f} to "
            f"{other.paper[0]:.2f})"
        )
    agree = sum(
        (cells[ROWS[b]].scores.distance < cells[ROWS[a]].scores.distance)
        == (ROWS[b].paper[0] < ROWS[a].paper[0])
        for _, a, b in _CHANGES
    )
    return wrapped(
        f"Distance by change: {'; '.join(parts)}. The sign is the paper's in {agree} of "
        f"{len(_CHANGES)}."
    )


def commands() -> str:
    """What was run, as a person would type it."""
    lines = [
        " \\\n    ".join(
            textwrap.wrap(
                shlex.join(["gan-jax", "train", *run.flags(f"FOLDER/{method}")]),
                84,
                break_on_hyphens=False,
                break_long_words=False,
            )
        )
        for method, run in RUNS.items()
    ]
    return "```bash\n" + "\n".join(lines) + "\n```"
