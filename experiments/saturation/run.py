"""How much of the gradient reaches the generator as the discriminator gets better.

python -m experiments.saturation.run
"""

from __future__ import annotations

from pathlib import Path
from statistics import NormalDist

import jax.numpy as jnp
import matplotlib
import numpy as np

from experiments.report import table, write_page
from experiments.saturation.measure import (
    LOSSES,
    OPPONENTS,
    logit_gradient,
    measure,
    optimal_pulls,
)

matplotlib.use("Agg")
import matplotlib.pyplot as plt

HERE = Path(__file__).parent
SEED = 0
STEPS = (10, 20, 50, 100, 200, 500, 1000, 2000)
MEANS = (1.0, 2.0, 3.0, 4.0, 5.0, 6.0)
SHOWN = MEANS.index(6.0)
LOGITS = (-10.0, -5.0, 0.0, 5.0)


def draw(pulls: dict[str, np.ndarray], path: Path) -> None:
    """Gradient against the logit, the steps of the discriminator, and the distance."""
    figure, axes = plt.subplots(1, 3, figsize=(9.0, 3.6), dpi=100)
    logits = jnp.linspace(-10.0, 5.0, 400)
    for colour, (name, loss) in enumerate(LOSSES.items()):
        style = {"color": f"C{colour}", "label": name}
        dashed = {"linestyle": (0, (4, 3))} if name == "Wasserstein" else {}
        axes[0].plot(logits, np.abs(logit_gradient(loss, logits)), **style, **dashed)
        axes[1].plot(STEPS, pulls[name][:, SHOWN], **style, marker=".")
        axes[2].plot(MEANS, pulls[name][-1], **style, marker=".")
    for colour, name in enumerate(("minimax", "non-saturating")):
        label = "optimal discriminator" if colour == 0 else None
        best = [optimal_pulls(mean)[name] for mean in MEANS]
        axes[2].plot(MEANS, best, ":", color=f"C{colour}", label=label)
        axes[1].axhline(best[SHOWN], linestyle=":", color=f"C{colour}")
    axes[1].set_ylim(5e-3, 10.0)
    axes[0].set(xlabel="logit of a fake", ylabel="|d loss / d logit|", ylim=(1e-5, 30.0))
    axes[1].set(
        xlabel="discriminator steps", ylabel="d loss / dμ (1 / unit of x)", xscale="log"
    )
    axes[1].set_title(f"μ = {MEANS[SHOWN]:g}", fontsize=10)
    axes[2].set(xlabel="μ (units of x)", ylabel="d loss / dμ (1 / unit of x)")
    axes[2].set_title(f"after {STEPS[-1]:,} steps", fontsize=10)
    axes[0].set_title("closed form", fontsize=10)
    for axis in axes:
        axis.set_yscale("log")
    handles, labels = axes[2].get_legend_handles_labels()
    figure.legend(handles, labels, loc="lower center", ncol=6, fontsize=8, frameon=False)
    figure.tight_layout(rect=(0.0, 0.07, 1.0, 1.0))
    figure.savefig(path)
    plt.close(figure)


PAGE = """# Saturation of the generator's gradient

What is left of the generator's gradient when the discriminator is sure? Real points are
N(0, 1), generated ones μ + z with z ~ N(0, 1), so the whole gradient is one number,
d loss / dμ = E[ℓ'(D(x)) D'(x)], positive if descent moves μ > 0 to the data. First the
factor ℓ' alone:

{logit_table}

Minimax (1406.2661, equation 1) gives -σ(a), which dies as the logit a of a fake falls; the
non-saturating loss gives -σ(-a), least squares a - 1, hinge and Wasserstein -1. But D' is a
factor as well, and only training tells it: a perceptron (64, 64) is trained on each loss,
the Wasserstein one with the one-sided gradient penalty (weight 10), while μ stands still.

![Gradients](gradients.png)

d loss / dμ at μ = {mean:g}, by steps of the discriminator:

{step_table}

and after {steps:,} steps, by μ, with what the best discriminator, log p/q, would give, and
the slope s at which a critic balances its loss -μ s against the penalty 10 (s - 1)²:

{mean_table}

By then every discriminator tells real from generated as well as any can: each accuracy is
within {accuracy_gap:.2%} of Φ(μ/2).

- The better the discriminator, the less minimax gives: at μ = {mean:g} it falls from
  {minimax_early:.3g} at its highest to {minimax_late:.3g}, and from μ = {near:g} to
  μ = {mean:g} by a factor of {minimax_drop:.0f}. With the best discriminator this gradient
  is that of 2 JSD, which is flat where p and q do not meet.
- The non-saturating loss pulls at every distance, with {ns_far:.2f} at μ = {mean:g}, and
  grows with training; the best discriminator would give {ns_best:.2f}, about μ.
- ℓ' of least squares and hinge does not vanish, and that is no guarantee: their optimal
  outputs are flat where only fakes are (0 and -1), so D' goes. Least squares is down to
  {ls_late:.2g} at μ = {mean:g}; hinge falls from {hinge_mid:.2f} to {hinge_late:.2f} at
  μ = {near:g} between {mid:,} and {steps:,} steps, and at μ = {mean:g} still rises.
- The Wasserstein critic's pull hardly depends on the distance: {w_low:.2f} to {w_high:.2f}.
  It is above 1 because the penalty is soft, by nearly the μ / 20 of that balance.
"""


def page(pulls: dict[str, np.ndarray], accuracy: dict[str, np.ndarray]) -> str:
    at = jnp.asarray(LOGITS)
    logit_rows = [[n, *map(float, logit_gradient(loss, at))] for n, loss in LOSSES.items()]
    step_rows = [[n, *map(float, pulls[n][:, SHOWN])] for n in LOSSES]
    best = [optimal_pulls(mean) for mean in MEANS]
    mean_rows = [[name, *map(float, pulls[name][-1])] for name in LOSSES]
    mean_rows += [[f"best D, {name}", *(b[name] for b in best)] for name in best[0]]
    mean_rows.append(["1 + μ / 20", *(1.0 + mean / 20.0 for mean in MEANS)])
    most = np.array([NormalDist().cdf(0.5 * mean) for mean in MEANS])
    near, middle = MEANS.index(2.0), STEPS.index(200)
    minimax, hinge, wasserstein = (pulls[n] for n in ("minimax", "hinge", "Wasserstein"))
    return PAGE.format(
        logit_table=table(["d loss / d logit at", *map(str, LOGITS)], logit_rows),
        step_table=table(["steps", *map(str, STEPS)], step_rows),
        mean_table=table(["μ", *(f"{m:g}" for m in MEANS)], mean_rows),
        accuracy_gap=max(np.max(np.abs(a[-1] - most)) for a in accuracy.values()),
        mean=MEANS[SHOWN],
        steps=STEPS[-1],
        mid=STEPS[middle],
        near=MEANS[near],
        minimax_early=minimax[:, SHOWN].max(),
        minimax_late=minimax[-1, SHOWN],
        minimax_drop=minimax[-1, near] / minimax[-1, SHOWN],
        ns_far=pulls["non-saturating"][-1, SHOWN],
        ns_best=best[SHOWN]["non-saturating"],
        ls_late=pulls["least squares"][-1, SHOWN],
        hinge_mid=hinge[middle, near],
        hinge_late=hinge[-1, near],
        w_low=wasserstein[-1].min(),
        w_high=wasserstein[-1].max(),
    )


def main() -> None:
    found = [measure(opponent, MEANS, STEPS, SEED) for opponent in OPPONENTS]
    pulls = {name: values for one in found for name, values in one.pull.items()}
    accuracy = {name: one.accuracy for one in found for name in one.pull}
    draw(pulls, HERE / "gradients.png")
    write_page(__file__, page(pulls, accuracy), seed=SEED)


if __name__ == "__main__":
    main()
