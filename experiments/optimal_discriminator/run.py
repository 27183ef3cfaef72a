"""The discriminator's optimum on discrete distributions beside its closed forms.

python -m experiments.optimal_discriminator.run
"""

from __future__ import annotations

from pathlib import Path

import matplotlib
import numpy as np

from experiments.optimal_discriminator.measure import (
    ATOMS,
    F_VALUES,
    OPTIMA,
    STEPS,
    Optimum,
    Pair,
    Trained,
    f_optimum,
    jensen_shannon,
    output_error,
    pairs,
    share,
    train,
)
from experiments.report import table, write_page

matplotlib.use("Agg")
import matplotlib.pyplot as plt

HERE = Path(__file__).parent
SEED = 0
DRAWN = ("two humps", "even and geometric", "random")
F_PAIRS = ("two humps", "distant humps")


def draw(chosen: dict[str, Pair], trained: Trained, path: Path) -> None:
    """Outputs of the cross-entropy's discriminators, and how fast their values arrive."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(9.0, 3.6), dpi=100)
    optimum = OPTIMA["cross-entropy"]
    for index, (name, pair) in enumerate(chosen.items()):
        p, q = pair.probabilities()
        gap = trained.curve[index] - optimum.value(p, q)
        # Below this, float32 rounding of a loss of order 1.
        right.loglog(
            1 + np.arange(len(gap)), np.maximum(gap, 1e-7), f"C{index}", label=name
        )
        if name in DRAWN:
            left.plot(share(p, q), f"C{index}", label=name)
            left.plot(trained.outputs[index], f"C{index}o", markersize=4)
    left.set(xlabel="atom", ylabel="discriminator's output (probability)", ylim=(0.0, 1.3))
    left.set_title("lines: p / (p + q); dots: trained", fontsize=10)
    right.set(xlabel="steps", ylabel="loss above its least value (nats)")
    for axis in (left, right):
        axis.legend(fontsize=8, frameon=False)
    figure.tight_layout()
    figure.savefig(path)
    plt.close(figure)


PAGE = """# The optimal discriminator

On a finite set of atoms, one logit per atom and the whole gradient, nothing stands between
a discriminator and its optimum, so theory can be checked to rounding. {atoms} atoms, pairs
(p, q) drawn or built, {steps:,} steps of Adam from logits ~ N(0, 1); the losses are the
library's. The error of D is its largest distance from D* over the atoms.

For the cross-entropy (1406.2661, proposition 1 and theorem 1)

    D*(x) = p(x) / (p(x) + q(x)),    V(G, D*) = -log 4 + 2 JSD(p, q)

![Discriminators](optimum.png)

{table}

All pairs with weight on every atom agree to {value_error:.0e} in V and {output_error:.0e}
in D. The disjoint pair's optimum lies at infinite logits, so it is approached and not
reached: V = {disjoint:.1e} in place of 0.

Other losses have other optima: least squares the same output without a sigmoid, with loss
½ Σ pq / (p + q); hinge the sign of p - q, with loss 2 - 2 TV(p, q). The hinge does not see
how far beyond 1 or -1 a logit is, nor where between them at an atom with p = q, so neither
counts as an error.

{others}

And the bounds of f-GAN (1606.00709, equation 4) reach their divergences at T* = f'(p/q):

{f_table}

Errors of T are relative to max |T*| where that is above 1. Where p / q is extreme, so is T*
(up to {steepest:.0f} for Pearson), and float32 shows. Total variation has its optimum at
infinite logits again.
"""


def rows_of(
    optimum: Optimum, chosen: dict[str, Pair], trained: Trained, sign: float
) -> list[list[object]]:
    """Pair, value found, value expected, difference, error of the outputs."""
    rows = []
    for index, (name, pair) in enumerate(chosen.items()):
        found = sign * float(trained.values[index])
        expected = sign * optimum.value(*pair.probabilities())
        error = output_error(optimum, pair, trained.outputs[index])
        difference = f"{found - expected:.1e}"
        rows.append([name, _fixed(found), _fixed(expected), difference, f"{error:.1e}"])
    return rows


def _fixed(value: float) -> str:
    """Six decimals, and no -0."""
    return f"{round(value, 6) + 0.0:.6f}"


def cross_entropy_rows(chosen: dict[str, Pair], trained: Trained) -> list[list[object]]:
    rows = rows_of(OPTIMA["cross-entropy"], chosen, trained, -1.0)
    for row, pair in zip(rows, chosen.values(), strict=True):
        row.insert(1, _fixed(jensen_shannon(*pair.probabilities())))
    return rows


def f_rows(chosen: dict[str, Pair]) -> list[list[object]]:
    """The bound of every f-divergence on some of the pairs."""
    some = {name: chosen[name] for name in F_PAIRS}
    rows = []
    for name in F_VALUES:
        optimum = f_optimum(name)
        trained = train(optimum, list(some.values()), SEED)
        rows += [[name, *row] for row in rows_of(optimum, some, trained, -1.0)]
    return rows


def page(chosen: dict[str, Pair], trained: dict[str, Trained]) -> str:
    entropy = trained["cross-entropy"]
    first = cross_entropy_rows(chosen, entropy)
    others = [
        [name, *row]
        for name in ("least squares", "hinge")
        for row in rows_of(OPTIMA[name], chosen, trained[name], 1.0)
    ]
    full = [row for row in first if row[0] != "disjoint"]
    extreme = f_optimum("pearson").output(*chosen["distant humps"].probabilities())
    return PAGE.format(
        atoms=ATOMS,
        steps=STEPS,
        table=table(
            ["pair", "JSD", "V found", "-log 4 + 2 JSD", "difference", "error of D"],
            first,
        ),
        value_error=max(abs(float(str(row[4]))) for row in full),
        output_error=max(float(str(row[5])) for row in full),
        disjoint=-entropy.values[list(chosen).index("disjoint")],
        others=table(
            ["loss", "pair", "found", "closed form", "difference", "error of D"], others
        ),
        f_table=table(
            ["divergence", "pair", "bound found", "divergence", "difference", "error of T"],
            f_rows(chosen),
        ),
        steepest=np.max(np.abs(extreme)),
    )


def main() -> None:
    chosen = pairs(SEED)
    trained = {
        name: train(optimum, list(chosen.values()), SEED)
        for name, optimum in OPTIMA.items()
    }
    draw(chosen, trained["cross-entropy"], HERE / "optimum.png")
    write_page(__file__, page(chosen, trained), seed=SEED)


if __name__ == "__main__":
    main()
