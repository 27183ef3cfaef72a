"""Trains what is not trained yet, measures it, and writes the study's page.

    python -m experiments.style.run --folder runs/style

Two hours on two cores; what was stopped goes on.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from experiments.logs import read_lines
from experiments.looks import look
from experiments.report import write_page
from experiments.style import figures
from experiments.style.measure import measure, reference
from experiments.style.page import METHODS, PARTS, page
from experiments.style.runs import ADA, CELLS, RUNS, SEED
from experiments.style.train import train

HERE = Path(__file__).parent
SIDE, PERSON = 32, 6
_SEEDS = {"sources": "0,1,2,3", "others": "4,5,6,7,8,9"}

LOOKS: dict[str, tuple[str, str, dict[str, Any]]] = {
    **{
        f"mix_{name}_{part}": (run, "mix", {**_SEEDS, "layers": part, "label": PERSON})
        for name, run in (("stylegan", "stylegan"), ("stylegan2", "stylegan2_ada"))
        for part in PARTS
    },
    "truncation": ("stylegan2_ada", "truncation", {"psi": "1,0.7,0.4,0"}),
    "project_w": ("stylegan2_ada", "project", {"space": "w"}),
    "project_w+": ("stylegan2_ada", "project", {"space": "w+"}),
    "directions": ("stylegan", "directions", {"space": "w", "label": PERSON}),
    "walk": ("stylegan", "walk", {"space": "w", "label": PERSON}),
}
"""Pictures, the runs they are of, the analyses that make them, and their flags."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, required=True)
    folder = parser.parse_args().folder.resolve()
    workdirs = {name: train(name, folder) for name in RUNS}
    stages = {name: figures.stage_rows(workdirs[name]) for name in ("progan", "stylegan")}
    for name, rows in stages.items():
        figures.draw_stages(workdirs[name], rows, SIDE, HERE / f"stages_{name}.png")
    for name in METHODS:
        figures.draw_samples([workdirs[name]], 6, HERE / f"samples_{name}.png")
    figures.draw_samples([workdirs[name] for name in CELLS], 3, HERE / "few.png")
    augmented = [name for name, parts in CELLS.items() if ADA in parts]
    cells = {name: workdirs[name] for name in CELLS}
    figures.draw_overfitting(cells, augmented, HERE / "overfitting.png")
    said = {
        picture: look(HERE, str(workdirs[run]), f"{picture}.png", name, flags)
        for picture, (run, name, flags) in LOOKS.items()
    }
    real = {
        "emoji": reference(workdirs["progan"]), "digits": reference(workdirs["few_plain"])
    }  # fmt: skip
    numbers = {name: measure(workdir) for name, workdir in workdirs.items()}
    probabilities = {name: _last_probability(workdirs[name]) for name in augmented}
    text = page(numbers, real, stages, said, probabilities)
    write_page(__file__, text, seed=SEED)


def _last_probability(workdir: Path) -> float:
    key = "disc/augment_p"
    return float([x[key] for x in read_lines(workdir / "metrics.jsonl") if key in x][-1])


if __name__ == "__main__":
    main()
