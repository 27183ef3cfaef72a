"""Times training steps and sampling against PyTorch, and writes this folder's README.

    python -m experiments.benchmarks.compare --torch-python PATH [NAME ...]

PATH is a Python interpreter with PyTorch, for instance of an environment made by

    python -m venv torchenv && torchenv/bin/pip install torch==2.13.0 numpy

Both sides stay alive and take turns: a sample of JAX, a sample of PyTorch, and again, so
that whatever else the machine does meets both. A sample is the same number of steps for
both; a row's ratio is the median of the ratios of neighbouring samples. Both sides get the
same cores. Rows that are not named keep the results they have.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import jax

from experiments.benchmarks.equal import TOLERANCE, largest_difference
from experiments.benchmarks.plain_ring import prepare_plain
from experiments.benchmarks.workloads import WORKLOADS, Timed, prepare, prepare_seeds
from experiments.report import machine, replace_between

HERE = Path(__file__).parent
RESULTS, README = HERE / "results.json", HERE / "README.md"
BEGIN, END = "<!-- table: written by compare.py -->", "<!-- end of table -->"
SEEDS = 8


class Title(NamedTuple):
    """What a row is called, and the ratio it should reach, if any."""

    title: str
    goal: float | None


TITLES = {
    "ring": Title("2-D ring, MLP 2 x 128, batch 256", 4.0),
    "dcgan": Title("DCGAN 32, width 64, 4 x 4 windows, batch 64", 1.0),
    "sngan": Title("SNGAN 32, 5 D steps, batch 64", 1.0),
    "wgan_gp": Title("WGAN-GP 32, 5 D steps, batch 64", 1.3),
    "biggan_cifar": Title("BigGAN CIFAR, width 64, 4 D steps, batch 50", 1.2),
    "biggan_128": Title("BigGAN 128, width 16, 2 D steps, batch 8", 2.0),
    "stylegan2": Title("StyleGAN2 CIFAR, at most 256 channels, batch 16", 1.2),
    "sample_sngan": Title("samples of SNGAN 32", 1.0),
    "sample_biggan_128": Title("samples of BigGAN 128, width 16", 2.0),
    "sample_stylegan2": Title("samples of StyleGAN2 CIFAR", 1.2),
    "seeds": Title(f"2-D ring, {SEEDS} seeds in one program", 1.0),
    "plain": Title("2-D ring by hand, no engine", None),
    "bare": Title("2-D ring by hand, no noise, no all-reduce", None),
}


class Peer:
    """A process with PyTorch that times steps on request."""

    def __init__(self, interpreter: str, threads: int) -> None:
        command = [interpreter, str(HERE / "torch_peers.py"), "--threads", str(threads)]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.version = self._read()

    def load(self, name: str, seed: int) -> tuple[int, ...]:
        """Builds a game; the trained scalars of generator and discriminator."""
        return tuple(int(part) for part in self._ask(f"load {name} {seed}").split())

    def run(self, steps: int) -> float:
        """Seconds that so many steps took."""
        return float(self._ask(f"run {steps}"))

    def outputs(self, path: Path) -> None:
        """Writes the networks, and what they give, for `equal`."""
        self._ask(f"outputs {path}")

    def close(self) -> None:
        """Ends the process."""
        self._process.communicate()

    def _ask(self, line: str) -> str:
        print(line, file=self._process.stdin, flush=True)
        return self._read()

    def _read(self) -> str:
        line = self._process.stdout.readline()
        if not line:
            raise SystemExit("the process with PyTorch ended; its message stands above")
        return line.strip()


def main() -> None:
    """Measures the named rows, or all, and writes results and README."""
    options = _options()
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: options.threads])
    jax.config.update("jax_num_cpu_devices", options.threads)
    results = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    peer = Peer(options.torch_python, options.threads)
    try:
        for name in options.names or TITLES:
            begin = time.monotonic()
            row = _together(options) if name == "seeds" else _against(name, peer, options)
            row["measuring_seconds"] = round(time.monotonic() - begin)
            results[name] = row | _circumstances(options, peer)
            RESULTS.write_text(json.dumps(results, indent=1) + "\n")
            print(_line(name, results[name]), flush=True)
    finally:
        peer.close()
    README.write_text(_with_table(README.read_text(), results))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(TITLES))
    parser.add_argument("--torch-python", required=True, help="interpreter with PyTorch")
    parser.add_argument("--threads", type=int, default=2, help="cores that both sides use")
    parser.add_argument("--samples", type=int, default=7, help="pairs of samples per row")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    for name in options.names:
        if name not in TITLES:
            parser.error(f"no row is named {name!r}; there are {', '.join(TITLES)}")
    return options


def _against(name: str, peer: Peer, options: argparse.Namespace) -> dict[str, Any]:
    """JAX and PyTorch in turn."""
    by_hand = name in ("plain", "bare")
    theirs = "ring" if by_hand else name
    work = WORKLOADS[theirs]
    if by_hand:
        ours = prepare_plain(name == "bare", options.seed)
    else:
        ours = prepare(work, options.seed)
    sizes = peer.load(theirs, options.seed)
    if sizes != ours.sizes:
        raise SystemExit(f"{name}: PyTorch trains {sizes} scalars, JAX {ours.sizes}")
    if "stylegan2" in name:
        _check_outputs(name, peer)
    pairs = _take_turns(ours.sample, lambda: peer.run(work.steps), options.samples)
    return _row(pairs, work.steps * work.batch, ours.compile_seconds)


def _check_outputs(name: str, peer: Peer) -> None:
    """Ends where the networks of both sides are not the same."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "outputs.npz"
        peer.outputs(path)
        apart = largest_difference(path)
    if not apart < TOLERANCE:
        raise SystemExit(f"{name}: outputs of the same weights differ by {apart:.1e}")


def _together(options: argparse.Namespace) -> dict[str, Any]:
    """Seeds in one program, and as many runs of one, in turn."""
    work = WORKLOADS["ring"]
    alone = prepare(work, options.seed)
    many = prepare_seeds(work, SEEDS, options.seed)
    pairs = _take_turns(
        many.sample, lambda: sum(alone.sample() for _ in range(SEEDS)), options.samples
    )
    return _row(pairs, SEEDS * work.steps * work.batch, many.compile_seconds)


def _take_turns(ours: Timed, theirs: Timed, samples: int) -> list[tuple[float, float]]:
    """Seconds of neighbouring samples, after one of each to warm up."""

    def rested(timed: Callable[[], float]) -> float:
        # Threads of the other side may still be spinning for work.
        time.sleep(0.3)
        return timed()

    rested(ours), rested(theirs)
    return [(rested(ours), rested(theirs)) for _ in range(samples)]


def _row(
    pairs: list[tuple[float, float]], images: int, compile_seconds: float
) -> dict[str, Any]:
    return {
        "images_per_second": statistics.median(images / ours for ours, _ in pairs),
        "compared_with": statistics.median(images / theirs for _, theirs in pairs),
        "ratios": [theirs / ours for ours, theirs in pairs],
        "compile_seconds": compile_seconds,
    }


def _circumstances(options: argparse.Namespace, peer: Peer) -> dict[str, Any]:
    return {
        "threads": options.threads,
        "seed": options.seed,
        "jax": version("jax"),
        "jaxlib": version("jaxlib"),
        "torch": peer.version,
        "python": platform.python_version(),
        "machine": machine(),
        "load_before": round(os.getloadavg()[0], 1),
    }


# The table.


def _line(name: str, row: dict[str, Any]) -> str:
    """One row of the table."""
    title, goal = TITLES[name]
    ratios = row["ratios"]
    middle = statistics.median(ratios)
    cells = [
        title,
        _rounded(row["compared_with"]),
        _rounded(row["images_per_second"]),
        f"**{middle:.2f}** ({min(ratios):.2f} to {max(ratios):.2f})",
        "" if goal is None else f"{goal:.1f}",
        f"{len(ratios)}",
        f"{row['compile_seconds']:.0f} s",
    ]
    return f"| {' | '.join(cells)} |"


def _rounded(value: float) -> str:
    """Three figures."""
    return f"{value:,.0f}" if value >= 100 else f"{value:#.3g}"


def _with_table(page: str, results: dict[str, Any]) -> str:
    """The page with a new table between its marks."""
    rows = {name: results[name] for name in TITLES if name in results}
    lines = [
        "| step of | images/s, PyTorch | images/s, here | ratio, median (range) | goal | n "
        "| compiling |",
        "|---|---|---|---|---|---|---|",
        *(_line(name, row) for name, row in rows.items()),
        "",
        *_notes(rows),
    ]
    return replace_between(page, BEGIN, END, "\n".join(lines))


def _notes(rows: dict[str, Any]) -> list[str]:
    """Under which circumstances the rows were measured."""
    groups: dict[str, list[str]] = {}
    for name, row in rows.items():
        note = (
            f"{row['threads']} threads, seed {row['seed']}, {row['machine']}, jax "
            f"{row['jax']}, jaxlib {row['jaxlib']}, torch {row['torch']}, Python "
            f"{row['python']}"
        )
        timing = f"{name} {row['measuring_seconds']} s at load {row['load_before']}"
        groups.setdefault(note, []).append(timing)
    return [
        f"{note}. Measuring took: {'; '.join(names)}." for note, names in groups.items()
    ]


if __name__ == "__main__":
    main()
