"""The best single Gaussian for a mixture of two, under KL, reverse KL, JS and MMD.

python -m experiments.gaussian_fits.run
"""

from __future__ import annotations

from pathlib import Path

import jax
import jax.numpy as jnp
import matplotlib
import numpy as np

from experiments.gaussian_fits.measure import (
    DEVIATIONS,
    MEANS,
    STEPS,
    WEIGHTS,
    Fit,
    divergences,
    log_mixture,
    log_normal,
    measure,
    mixture_moments,
    squared_mmd,
)
from experiments.report import table, write_page

matplotlib.use("Agg")
import matplotlib.pyplot as plt

HERE = Path(__file__).parent
BANDWIDTHS = (0.5, 2.0, 8.0)


def draw(fits: dict[str, list[Fit]], path: Path) -> None:
    """Densities of the mixture and of the fits."""
    x = np.linspace(-7.0, 7.5, 500)
    density = np.exp(np.asarray(log_mixture(jnp.asarray(x))))
    panels = (["KL(p, q)", "JS(p, q)"], ["KL(q, p)"], [n for n in fits if "MMD" in n])
    figure, axes = plt.subplots(1, 3, figsize=(9.0, 3.4), dpi=100, sharey=True)
    for axis, names in zip(axes, panels, strict=True):
        axis.fill_between(x, density, color="0.85", label="mixture p")
        for colour, name in enumerate(names):
            for rank, fit in enumerate(fits[name]):
                q = np.exp(np.asarray(log_normal(x, fit.mean, fit.deviation)))
                style = ("-", "--", ":")[rank]
                label = f"{name}, minimum {rank + 1}" if len(fits[name]) > 1 else name
                axis.plot(x, q, style, color=f"C{colour}", label=label)
        axis.set(xlabel="x", ylim=(0.0, 1.0))
        axis.legend(fontsize=8, frameon=False, loc="upper left")
    axes[0].set_ylabel("density (1 / unit of x)")
    figure.tight_layout()
    figure.savefig(path)
    plt.close(figure)


PAGE = """# One Gaussian for two modes

Which q = N(μ, σ²) is nearest to the mixture

    p = {mixture}

depends on the measure:

    KL(p, q) = ∫ p log(p / q)        KL(q, p) = ∫ q log(q / p)
    JS(p, q) = ½ KL(p, m) + ½ KL(q, m),   m = ½ (p + q)
    MMD²(p, q) = E k(x, x') + E k(y, y') - 2 E k(x, y),   k = exp(-(x - y)² / 2s²)

![Densities](fits.png)

{table}

Divergences in nats; the last column is the smallest eigenvalue of the Hessian in
(μ, log σ), so every row is a minimum. L-BFGS, {steps} steps from 15 starts.

- **KL(p, q)** has one minimum, which has the mixture's own mean {mean:.4f} and deviation
  {deviation:.4f}: found to {moment_error:.0e}. It puts mass where p has none.
- **KL(q, p)** has {reverse} minima. The best sits on the heavier mode, and its value is
  {reverse_value:.3f}, a little below the -log {weights[0]} = {log_weight:.3f} of a Gaussian
  equal to a mode that overlaps with nothing.
- **JS** has {js}: a covering one like KL's, and one on the heavier mode like
  reverse KL's.
- **MMD** goes from one behaviour to the other with its bandwidth: at s = {narrow:g} the
  best fit lies on the heavier mode; at s = {wide:g}, wide beside the data, the kernel sees
  little but mean and variance, and the fit is within {wide_error:.2g} of these. Its values
  compare only within one bandwidth.
"""


def page(fits: dict[str, list[Fit]]) -> str:
    mean, deviation = mixture_moments()
    head = ["", "minimum", "μ", "σ", "value", "curvature"]
    rows = [
        [name, rank, f"{fit.mean:.4f}", f"{fit.deviation:.4f}", fit.value, fit.curvature]
        for name, found in fits.items()
        for rank, fit in enumerate(found, 1)
    ]

    def moment_error(fit: Fit) -> float:
        return max(abs(fit.mean - mean), abs(fit.deviation - deviation))

    return PAGE.format(
        weights=WEIGHTS,
        mixture=" + ".join(
            f"{w} N({m}, {s}²)" for w, m, s in zip(WEIGHTS, MEANS, DEVIATIONS, strict=True)
        ),
        table=table(head, rows),
        steps=STEPS,
        mean=mean,
        deviation=deviation,
        moment_error=max(moment_error(fits["KL(p, q)"][0]), 1e-12),
        reverse=len(fits["KL(q, p)"]),
        reverse_value=fits["KL(q, p)"][0].value,
        log_weight=-np.log(WEIGHTS[0]),
        js=len(fits["JS(p, q)"]),
        narrow=BANDWIDTHS[0],
        wide=BANDWIDTHS[-1],
        wide_error=moment_error(fits[f"MMD², s = {BANDWIDTHS[-1]:g}"][0]),
    )


def main() -> None:
    with jax.enable_x64(True):
        kernels = {f"MMD², s = {s:g}": squared_mmd(s) for s in BANDWIDTHS}
        fits = measure(divergences() | kernels)
        draw(fits, HERE / "fits.png")
    write_page(__file__, page(fits), seed=0)


if __name__ == "__main__":
    main()
