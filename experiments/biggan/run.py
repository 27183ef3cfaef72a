"""SNGAN, SAGAN and BigGAN on emoji, and BigGAN's ablation: draws what was trained.

    for part in SNGAN SAGAN BigGAN rows; do
        python -m experiments.biggan.train --folder runs/study --part $part
    done
    python -m experiments.biggan.run --folder runs/study

Scores are in the project's own emoji classifier, trained on first use and cached.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path

import matplotlib
import numpy as np

from experiments.biggan import measure
from experiments.biggan.measure import Curve, Finished, Labelled, Trained
from experiments.biggan.page import EACH, SHOWN_THRESHOLDS, Study, page
from experiments.biggan.runs import KILLED, RUNS, SCORED, SEED, SIZE
from experiments.biggan.train import KILL_AT, TWIN_STEPS
from experiments.logs import Resumed, Traces, resumptions, traces
from experiments.report import write_page
from gan_jax.checkpoint import read_record
from gan_jax.metrics.classifier import load_classifier
from gan_jax.pictures import grid, save_png

matplotlib.use("Agg")
import matplotlib.pyplot as plt

HERE = Path(__file__).parent
_TRADED = ("recall", "accuracy")
_DISTANCE = "score/frechet_distance/emoji_classifier"


def draw_samples(runs: Mapping[str, Trained], real: Labelled) -> None:
    """Ten samples of every category a row, of every method, and real ones."""
    for method, run in runs.items():
        pictures = grid(measure.by_class(run, EACH), columns=EACH)
        save_png(HERE / f"samples_{method.lower()}.png", pictures)
    save_png(HERE / "real.png", grid(measure.chosen_by_class(real, EACH), columns=EACH))


def draw_truncated(run: Trained) -> None:
    """The same categories at falling thresholds, side by side."""
    parts = [
        grid(measure.by_class(run, EACH // 2, threshold), columns=EACH // 2)
        for threshold in SHOWN_THRESHOLDS
    ]
    save_png(HERE / "truncated.png", np.concatenate(parts, axis=1))


def draw_curves(curve: Curve) -> None:
    """Scores against the threshold, and fidelity against diversity."""
    figure, axes = plt.subplots(1, 3, figsize=(10.5, 3.4), dpi=90)
    places = np.arange(len(curve))
    names = ["none" if t is None else f"{t:g}" for t in curve]
    for which, (label, style) in enumerate((("running", "o-"), ("standing", "s--"))):
        scores = [both[which] for both in curve.values()]
        axes[0].plot(places, [one.distance for one in scores], style, label=label)
        for field, colour in (("recognised", "C2"), ("accuracy", "C3")):
            values = [getattr(one, field) for one in scores]
            axes[1].plot(places, values, style, color=colour, label=f"{field}, {label}")
        recall, accuracy = ([getattr(one, f) for one in scores] for f in _TRADED)
        axes[2].plot(recall, accuracy, style, label=label)
        for place in zip(names, recall, accuracy, strict=True):
            axes[2].annotate(place[0], place[1:], fontsize=7, color=f"C{which}")
    for axis in axes[:2]:
        axis.set_xticks(places, names)
        axis.set_xlabel("threshold")
    axes[0].set(ylabel="Fréchet distance", yscale="log")
    axes[1].set(ylabel="share of samples", ylim=(0.0, 1.0))
    axes[2].set(xlabel="recall (diversity)", ylabel="accuracy (fidelity)")
    for axis in axes:
        axis.legend(fontsize=7)
    figure.tight_layout()
    figure.savefig(HERE / "truncation.png")
    plt.close(figure)


def draw_spectra(traced: Mapping[str, Traces]) -> None:
    """The three top singular values of every kernel: a row a net."""
    figure, axes = plt.subplots(
        2, 3, figsize=(11.5, 6.6), dpi=80, sharex=True, sharey="row"
    )
    for row, (net, found) in zip(axes, traced.items(), strict=True):
        colours = plt.get_cmap("turbo")(np.linspace(0.05, 0.95, len(found.values)))
        for colour, (path, values) in zip(colours, found.values.items(), strict=True):
            label = path.removesuffix("/kernel").removesuffix("/embedding")
            for axis, value in zip(row, values.T, strict=True):
                axis.plot(found.steps, value, color=colour, lw=1.0, label=label)
        row[0].set_ylabel(f"{net}: singular value")
        row[-1].legend(fontsize=5.5, loc="center left", bbox_to_anchor=(1.0, 0.5))
    for axis, title in zip(axes[0], ("largest", "second", "third"), strict=True):
        axis.set_title(title)
    for axis in axes[-1]:
        axis.set_xlabel("steps")
    figure.tight_layout()
    figure.savefig(HERE / "spectra.png")
    plt.close(figure)


def draw_training(done: Mapping[str, Finished], again: Sequence[Resumed]) -> None:
    """Distances of every run, and the killed run's loss with where it went on."""
    figure, axes = plt.subplots(1, 2, figsize=(10.5, 3.2), dpi=90)
    for method, run in done.items():
        scored = [line for line in run.lines if _DISTANCE in line]
        seen = [line["images_seen"] for line in scored]
        axes[0].plot(seen, [line[_DISTANCE] for line in scored], "o-", ms=3, label=method)
    axes[0].set(xlabel="images seen", ylabel="Fréchet distance", yscale="log")
    axes[0].legend(fontsize=8)
    logged = [line for line in done[KILLED].lines if "disc/loss" in line]
    steps = [line["step"] for line in logged]
    for name, side in (("disc/loss", "discriminator"), ("gen/loss", "generator")):
        axes[1].plot(steps, [line[name] for line in logged], lw=0.8, label=side)
    for one in again:
        axes[1].axvspan(one.resumed, one.killed, color="C3", alpha=0.4, lw=0)
    axes[1].set(xlabel="steps", ylabel="loss", title=f"{KILLED}; red: trained twice")
    axes[1].legend(fontsize=8)
    figure.tight_layout()
    figure.savefig(HERE / "training.png")
    plt.close(figure)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, required=True)
    folder = parser.parse_args().folder.resolve()
    net, real = load_classifier("emoji"), measure.real_images(SIZE, "train")
    score = measure.score_in(net, real.images)
    runs = {method: measure.open_run(folder / method) for method in RUNS}
    done = {m: measure.finished(folder, m, run, score) for m, run in runs.items()}
    nets = ("generator", "discriminator")
    study = Study(
        done=done,
        curve=measure.truncation(runs[KILLED], score),
        traced={net: traces(done[KILLED].lines, net) for net in nets},
        again=resumptions(folder / KILLED, folder / f"{KILLED}.log", KILL_AT),
        digests={
            name: read_record(folder / name / "checkpoints", TWIN_STEPS).digest
            for name in ("twin", KILLED)
        },
        cells=measure.ablation(folder, score),
        known={
            f"{SCORED:,} training images": score(Labelled(*(x[:SCORED] for x in real))),
            "held-out images": score(measure.real_images(SIZE, "test")),
        },
        accuracy=net.accuracy,
    )
    draw_samples(runs, real)
    draw_truncated(runs[KILLED])
    draw_curves(study.curve)
    draw_spectra(study.traced)
    draw_training(done, study.again)
    write_page(__file__, page(study), seed=SEED)


if __name__ == "__main__":
    main()
