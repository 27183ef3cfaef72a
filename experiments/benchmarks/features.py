"""Times Inception features against pytorch-fid's, and writes FEATURES.md.

    python -m experiments.benchmarks.features --torch-python PATH

PATH is a Python interpreter with pytorch-fid, for instance of an environment made by

    python -m venv torchenv && torchenv/bin/pip install pytorch-fid

Both take the same random weights (their values do not matter to the time) and the same
uint8 images of 64 x 64, resize them to 299, and bring the features to the host; before
anything is timed the features are compared. Both stay alive and take turns, so that
whatever else the machine does meets both; PyTorch runs in either memory format. On a busy
machine measure with --threads 1: several threads of PyTorch's wait for each other.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import jax
import numpy as np

from experiments.report import machine, table
from gan_jax.metrics.extractors import open_features

HERE = Path(__file__).parent
PAGE = HERE / "FEATURES.md"
IMAGES, SIDE, SEED = 64, 64, 0
FORMATS = ("contiguous", "channels_last")
TOLERANCE = 1e-4

TEXT = """# Inception features against pytorch-fid

`features.py` measures images per second from uint8 images of {side} x {side} on the host to
2048 features each on the host, resized to 299 x 299, by the FID's Inception in float32.

    python -m experiments.benchmarks.features --torch-python PATH

{table}

Ratios are medians over {samples} neighbouring turns of {images} images (and their range);
all three take turns. The features differ by {error:.1e} of the largest at most. The goal is
a ratio of at least 1 to the faster memory format.

Measured with --threads {threads} on {machine}, load {load:.1f} before (jax {jax},
{torch}); compiling took {compiling:.0f} s.
"""


class Peer:
    """A process with pytorch-fid."""

    def __init__(self, interpreter: str, threads: int, folder: Path) -> None:
        command = [interpreter, str(HERE / "torch_features.py"), "--threads", str(threads)]
        self._process = subprocess.Popen(
            [*command, "--folder", str(folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.version = self._read()

    def run(self, layout: str) -> float:
        """Seconds for all images."""
        print(f"run {layout}", file=self._process.stdin, flush=True)
        return float(self._read())

    def close(self) -> None:
        """Ends the process."""
        self._process.communicate()

    def _read(self) -> str:
        line = self._process.stdout.readline()
        if not line:
            raise SystemExit("the process with PyTorch ended; its message stands above")
        return line.strip()


def main() -> None:
    """Measures and writes the page."""
    options = _options()
    load = os.getloadavg()[0]
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: options.threads])
    shape = (IMAGES, SIDE, SIDE, 3)
    images = np.random.default_rng(SEED).integers(0, 256, shape, dtype=np.uint8)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        np.save(folder / "images.npy", images)
        peer = Peer(options.torch_python, options.threads, folder)
        net = open_features(f"inception:{folder / 'inception.npz'}")
        begin = time.perf_counter()
        ours = net.features(images)
        compiling = time.perf_counter() - begin
        theirs = np.load(folder / "features.npy")
    error = float(np.abs(ours - theirs).max() / np.abs(theirs).max())
    if error > TOLERANCE:
        raise SystemExit(f"the features differ by {error:.1e} of the largest")
    turns = _take_turns(net.features, images, peer, options.samples)
    peer.close()
    text = TEXT.format(
        side=SIDE,
        images=IMAGES,
        samples=options.samples,
        table=_table(turns),
        error=error,
        threads=options.threads,
        machine=machine(),
        load=load,
        jax=version("jax"),
        torch=peer.version,
        compiling=compiling,
    )
    PAGE.write_text(text)
    print(_table(turns))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--torch-python", required=True, help="interpreter with PyTorch")
    parser.add_argument("--threads", type=int, default=2, help="cores that both sides use")
    parser.add_argument("--samples", type=int, default=7, help="turns of each")
    return parser.parse_args()


def _take_turns(
    features: Callable[[np.ndarray], np.ndarray],
    images: np.ndarray,
    peer: Peer,
    samples: int,
) -> list[tuple[float, ...]]:
    """Seconds of our features, then of theirs in each memory format, turn after turn."""

    def turn() -> tuple[float, ...]:
        # Threads of the other side may still be spinning for work.
        time.sleep(0.3)
        begin = time.perf_counter()
        features(images)
        ours = time.perf_counter() - begin
        theirs = []
        for layout in FORMATS:
            time.sleep(0.3)
            theirs.append(peer.run(layout))
        return ours, *theirs

    turn()
    return [turn() for _ in range(samples)]


def _table(turns: list[tuple[float, ...]]) -> str:
    rows = [["here", f"{IMAGES / statistics.median(t[0] for t in turns):.2f}", ""]]
    for column, layout in enumerate(FORMATS, start=1):
        ratios = [turn[column] / turn[0] for turn in turns]
        spread = f"{min(ratios):.2f} to {max(ratios):.2f}"
        rows.append(
            [
                f"pytorch-fid, {layout}",
                f"{IMAGES / statistics.median(turn[column] for turn in turns):.2f}",
                f"**{statistics.median(ratios):.2f}** ({spread})",
            ]
        )
    return table(["features by", "images/s", "ratio, here to it"], rows)


if __name__ == "__main__":
    jax.config.update("jax_num_cpu_devices", 1)
    main()
