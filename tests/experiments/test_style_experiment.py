"""The study of growing and style: its runs are what it says, rows are of their stages."""

from __future__ import annotations

import json

import numpy as np
import pytest

from experiments.style import figures, page
from experiments.style.measure import Numbers
from experiments.style.run import LOOKS
from experiments.style.runs import ADA, CELLS, FEW, PATH, RUNS, make_config
from gan_jax.pictures import grid, save_png
from gan_jax.workdir import config_dict


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("style")


def test_digits_differ_in_what_they_are_compared_by(folder):
    configs = {name: make_config(name, folder) for name in CELLS}
    for name, parts in CELLS.items():
        config = configs[name]
        assert (config.recipe.augment.get("name") == "ada") == (ADA in parts)
        # By default the method has it; a weight of 0 drops it.
        assert ("path_length" in config.recipe.g_terms) == (PATH not in parts)
        with config.unlocked():
            config.recipe.augment = config.recipe.g_terms = None
        assert config == configs["few_plain"]
    with np.load(folder / f"mnist_{FEW}.npz") as stored:
        counts = {name: len(stored[name]) for name in stored.files}
    assert counts == {"x_train": FEW, "y_train": FEW, "x_test": 10_000, "y_test": 10_000}


def test_rows_are_of_the_stages(folder):
    config = make_config("progan", folder)
    workdir = folder / "progan"
    (workdir / "samples").mkdir(parents=True)
    (workdir / "config.json").write_text(json.dumps(config_dict(config)))
    # Images of one grey each, darker with every row of a grid.
    shades = np.arange(0, 200, 2, dtype=np.uint8)[:, None, None, None]
    images = np.broadcast_to(shades, (100, 32, 32, 3))
    for step in range(0, config.train.steps + 1, config.samples.every):
        save_png(workdir / "samples" / f"samples_{step:09d}.png", grid(images, columns=10))
    rows = figures.stage_rows(workdir)
    # 16 images a step, saved every 312; stages of 10,000 images to fade in and to settle.
    assert [row.side for row in rows] == [4, 8, 8, 16, 16, 32, 32]
    assert [row.step for row in rows] == [624, 936, 1872, 2184, 3120, 3432, 6240]
    shares = [1.0, 0.4976, 1.0, 0.4944, 1.0, 0.4912, 1.0]
    np.testing.assert_allclose([row.share for row in rows], shares, atol=1e-6)
    figures.draw_stages(workdir, rows, 32, folder / "stages.png")
    from PIL import Image

    drawn = np.asarray(Image.open(folder / "stages.png"))
    assert drawn.shape == (7 * 34 + 2, 10 * 34 + 2, 3)
    np.testing.assert_array_equal(
        drawn[2::34][:7, 2::34, 0][:, :10], [shades[:10, 0, 0, 0]] * 7
    )


def test_page_tells_what_was_measured():
    values = {
        "frechet_distance": 12.345, "recognised_share": 0.5, "classifier_accuracy": 0.75,
        "precision": 0.9, "recall": 0.1, "path_length_z": 20.0, "path_length_w": 3.25,
    }  # fmt: skip
    numbers = {name: Numbers(values, 96_000, 12.4) for name in RUNS}
    real = {"emoji": values, "digits": values}
    said = dict.fromkeys(LOOKS, "said")
    rows = [figures.Row(624, 9_984, 4, 1.0)]
    text = page.page(
        numbers, real, dict.fromkeys(("progan", "stylegan"), rows), said, {"few_ada": 0.25}
    )
    row = "96,000 | 12 | 12.3 | 50% | 75% | 90% | 10% | 20 | 3.25"
    assert f"| StyleGAN2 with ADA | {row} |" in text
    assert f"| no | yes | {row} | 0.25 |" in text
    assert "| 1 | 9,984 | 4 x 4 | 100% |" in text
