"""What weight clipping and the gradient penalty make of a critic.

python -m experiments.clipping_and_penalty.run
"""

from __future__ import annotations

from pathlib import Path

import jax
import matplotlib
import numpy as np

from experiments.clipping_and_penalty.measure import (
    EXTENT,
    TOYS,
    Constraint,
    activation_gradients,
    clipped,
    examples,
    penalised,
    perceptron,
    surface,
    toy,
    train,
    weights,
)
from experiments.report import table, write_page

matplotlib.use("Agg")
import matplotlib.pyplot as plt

HERE = Path(__file__).parent
SEED, STEPS, DEEP_STEPS = 0, 3_000, 2_000
CRITIC, DEEP = perceptron(128, 128, 128), perceptron(*[64] * 12)
BOUNDS = (0.5, 0.1, 0.01)


def surfaces() -> dict[tuple[str, str], np.ndarray]:
    """Values of trained critics by constraint and toy."""
    constraints = {"clipped at 0.1": clipped(0.1), "gradient penalty": penalised()}
    return {
        (name, which): surface(
            CRITIC, train(CRITIC, constraint, toy(which), STEPS, SEED), EXTENT[which]
        )
        for name, constraint in constraints.items()
        for which in TOYS
    }


def deep() -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Activation gradients by layer, and weights, of deep critics of the Swiss roll."""
    constraints: dict[str, Constraint] = {f"clipped at {c:g}": clipped(c) for c in BOUNDS}
    constraints["gradient penalty"] = penalised()
    points, found = toy("swiss_roll"), {}
    for name, constraint in constraints.items():
        params = train(DEEP, constraint, points, DEEP_STEPS, SEED)
        real, fake = examples(points, jax.random.key(SEED + 1))
        found[name] = activation_gradients(params, real, fake), weights(params)
    return found


def draw_surfaces(values: dict[tuple[str, str], np.ndarray]) -> None:
    names = list(dict.fromkeys(name for name, _ in values))
    figure, axes = plt.subplots(len(names), len(TOYS), figsize=(9, 6), dpi=100)
    for (name, which), value in values.items():
        axis = axes[names.index(name), list(TOYS).index(which)]
        extent = (-EXTENT[which], EXTENT[which], -EXTENT[which], EXTENT[which])
        axis.contour(value, levels=12, extent=extent, cmap="viridis", linewidths=0.9)
        points = np.asarray(toy(which))[:1000]
        axis.scatter(*points.T, s=0.6, color="tab:orange")
        axis.set(title=f"{TOYS[which]}, {name}", aspect="equal", xticks=[], yticks=[])
        axis.title.set_fontsize(9)
    figure.tight_layout()
    figure.savefig(HERE / "surfaces.png")


def draw_deep(found: dict[str, tuple[np.ndarray, np.ndarray]]) -> None:
    figure, axes = plt.subplots(1, 3, figsize=(9, 3.2), dpi=100)
    for name, (norms, _) in found.items():
        axes[0].semilogy(np.arange(1, len(norms) + 1), norms, marker="o", ms=3, label=name)
    axes[0].set(xlabel="hidden layer", ylabel="gradient norm in activations")
    axes[0].legend(fontsize=7)
    for axis, name in zip(axes[1:], ("clipped at 0.1", "gradient penalty"), strict=True):
        axis.hist(found[name][1], bins=80, color="tab:blue")
        axis.set(xlabel="weight", ylabel="count", yscale="log")
        axis.set_title(name, fontsize=9)
    figure.tight_layout()
    figure.savefig(HERE / "deep.png")


def page(found: dict[str, tuple[np.ndarray, np.ndarray]]) -> str:
    rows = [
        (name, float(norms[0]), float(norms[-1]), float((norms[0] / norms[-1]) ** (1 / 11)))
        for name, (norms, _) in found.items()
    ]
    head = (
        "critic",
        "gradient norm, first layer",
        "last layer",
        "factor a layer, backwards",
    )
    at_edge = float(np.mean(np.abs(found["clipped at 0.1"][1]) > 0.0999))
    spread = float(found["gradient penalty"][1].std())
    return f"""# Weight clipping and the gradient penalty

A critic is trained between a toy distribution and a fixed "generator": the same points
with unit noise on them (1704.00028, section 3). What it learns shows what its constraint
lets it.

![Level lines of trained critics](surfaces.png)

Level lines of critics with three hidden layers of 128 after {STEPS:,} steps; data in
orange.

A critic of twelve hidden layers of 64 on the Swiss roll, {DEEP_STEPS:,} steps:

{table(head, rows)}

![Gradient norms by layer, and histograms of weights](deep.png)

The last column is by how much the gradient grows from one layer to the one below it. With
clipping it depends on the bound, exponentially in depth; with the penalty it is near 1.
{100 * at_edge:.0f}% of the weights clipped at 0.1 lie at the bound itself; with the penalty
weights are spread around 0 with a deviation of {spread:.2g}.
"""


def main() -> None:
    draw_surfaces(surfaces())
    found = deep()
    draw_deep(found)
    write_page(__file__, page(found), seed=SEED)


if __name__ == "__main__":
    main()
