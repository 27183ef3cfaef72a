"""Times what measures do with features once they are there, and writes MEASURES.md.

    python -m experiments.benchmarks.measures

Features are random numbers of the width of the FID Inception: nothing here depends on what
they mean. Each row of the page is measured in a process of its own, whose largest memory
is read at its end.
"""

from __future__ import annotations

import multiprocessing
import os
import platform
import resource
import statistics
import time
import tracemalloc
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

import numpy as np

from experiments.report import machine, table
from gan_jax.metrics import frechet, moments
from gan_jax.metrics.moments import Statistics
from gan_jax.metrics.neighbours import nearest_neighbours
from gan_jax.metrics.prdc import precision_recall_density_coverage

HERE = Path(__file__).parent
SEED, WIDTH, BATCH, NEIGHBOURS = 0, 2048, 64, 5
ROWS, FEWER = 50_000, 10_000
FULL_RANK, LOW_RANK, TURNS = 6000, 1000, 3
GIB = 2.0**30


class Ratio(NamedTuple):
    """Two ways to one number, in turns.

    Attributes:
        ours: seconds, the median.
        theirs: seconds, the median.
        ratio: theirs over ours, the median of the turns; its least and largest value.
        gap: relative difference of the numbers.
    """

    ours: float
    theirs: float
    ratio: tuple[float, float, float]
    gap: float


class Work(NamedTuple):
    """Work in a process of its own.

    Attributes:
        seconds: of the work alone.
        arrays: bytes, the most that NumPy held during it beyond what it was given.
        process: bytes, the most that the process ever held, its imports and input included.
    """

    seconds: float
    arrays: float
    process: float


def features(rows: int, seed: int = SEED) -> np.ndarray:
    """float32 (rows, WIDTH), correlated, with variances that fall to a hundredth."""
    draws = np.random.default_rng(seed)
    x = draws.standard_normal((rows, WIDTH), dtype=np.float32)
    x *= np.geomspace(1.0, 0.1, WIDTH, dtype=np.float32)[None]
    x[:, 1:] += 0.5 * x[:, :-1]
    return x


def by_square_root(first: Statistics, second: Statistics) -> float:
    """The Fréchet distance by SciPy's square root of a matrix, as pytorch-fid has it."""
    from scipy.linalg import sqrtm

    gap = first.mean - second.mean
    root = np.real(sqrtm(first.covariance @ second.covariance))
    traces = np.trace(first.covariance) + np.trace(second.covariance)
    return float(gap @ gap + traces - 2.0 * np.trace(root))


def compare_frechet(rows: int, turns: int = TURNS) -> Ratio:
    """Both ways to the distance of two sets of so many rows, alternating."""
    pair = [frechet.statistics(features(rows, seed)) for seed in (SEED, SEED + 1)]
    ours, theirs, values = [], [], np.zeros(2)
    for _ in range(turns):
        begin = time.perf_counter()
        values[0] = frechet.frechet_from_statistics(*pair[0], *pair[1])
        middle = time.perf_counter()
        values[1] = by_square_root(*pair)
        ours.append(middle - begin)
        theirs.append(time.perf_counter() - middle)
    ratios = [b / a for a, b in zip(ours, theirs, strict=True)]
    return Ratio(
        statistics.median(ours),
        statistics.median(theirs),
        (statistics.median(ratios), min(ratios), max(ratios)),
        float(abs(values[1] / values[0] - 1.0)),
    )


def measured(work: Callable[[], object]) -> Work:
    """Runs work, and says what it took."""
    tracemalloc.start()
    begin = time.perf_counter()
    work()
    seconds = time.perf_counter() - begin
    arrays = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    unit = 1 if platform.system() == "Darwin" else 1024
    process = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
    return Work(seconds, float(arrays), float(process))


def stream(rows: int) -> Work:
    """Mean and covariance of rows that arrive in batches."""
    some = features(16 * BATCH)

    def work() -> None:
        state = moments.init(WIDTH)
        for start in range(0, rows, BATCH):
            place = start % len(some)
            state = moments.update(state, some[place : place + min(BATCH, rows - start)])
        assert state.rows == rows
        moments.finish(state)

    return measured(work)


def neighbours(rows: int) -> Work:
    """The nearest neighbours of rows among themselves."""
    x = features(rows)
    return measured(lambda: nearest_neighbours(x, count=NEIGHBOURS))


def shares(rows: int) -> Work:
    """Precision, recall, density and coverage of two sets of so many rows."""
    real, fake = features(rows), features(rows, SEED + 1)
    return measured(
        lambda: precision_recall_density_coverage(real, fake, neighbours=NEIGHBOURS)
    )


def page(
    ratios: dict[int, Ratio], streamed: Work, found: dict[str, tuple[int, Work]]
) -> str:
    """The text of MEASURES.md."""
    distances = [
        (
            f"{rows:,}",
            f"{each.ours:.1f}",
            f"{each.theirs:.1f}",
            f"**{each.ratio[0]:.1f}** ({each.ratio[1]:.1f} to {each.ratio[2]:.1f})",
            f"{each.gap:.0e}",
        )
        for rows, each in ratios.items()
    ]
    quadratic = [
        (title, f"{rows:,}", f"{work.seconds:.0f}", f"{work.process / GIB:.2f}")
        for title, (rows, work) in found.items()
    ]
    head = ("samples", "here, s", "square root, s", "ratio, median (range)", "apart by")
    return f"""# What measures take once features are there

`measures.py` times them on random features of width {WIDTH}.

    python -m experiments.benchmarks.measures

The Fréchet distance of two sets whose moments are known, by eigenvalues as here, and by
`scipy.linalg.sqrtm` of the product of the covariances, as pytorch-fid and clean-fid have
it; {TURNS} turns of one after the other. With fewer samples than {WIDTH} the covariances
are singular, and the square root loses digits.

{table(head, distances)}

Mean and covariance of {ROWS:,} rows in batches of {BATCH}: {streamed.seconds:.1f} s,
{ROWS / streamed.seconds:,.0f} rows a second, with at most {streamed.arrays / GIB:.2f} GiB
of arrays; the process, with its imports, held {streamed.process / GIB:.2f} GiB.

What compares every row with every other one, {NEIGHBOURS} neighbours; the memory is that of
the whole process with its features:

{table(("measure", "rows of each set", "s", "GiB"), quadratic)}

Precision, recall, density and coverage make three such passes: each set with itself, and
one with the other.

Made by `python -m experiments.benchmarks.measures`, seed {SEED}, on {machine()}, load
{os.getloadavg()[0]:.1f} (jax {version("jax")}, numpy {version("numpy")}, scipy
{version("scipy")}, Python {platform.python_version()}).
"""


def main() -> None:
    """Measures and writes the page."""
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=spawn, max_tasks_per_child=1) as processes:

        def apart(work: Callable, rows: int) -> object:
            return processes.submit(work, rows).result()

        ratios = {rows: apart(compare_frechet, rows) for rows in (FULL_RANK, LOW_RANK)}
        streamed = apart(stream, ROWS)
        found = {
            "nearest neighbours": (ROWS, apart(neighbours, ROWS)),
            "precision, recall, density, coverage": (FEWER, apart(shares, FEWER)),
        }
    (HERE / "MEASURES.md").write_text(page(ratios, streamed, found))


if __name__ == "__main__":
    main()
