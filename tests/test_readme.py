"""The README's notebook example runs as written."""

from __future__ import annotations

import re
from pathlib import Path

import jax
import numpy as np
from PIL import Image

README = (Path(__file__).parents[1] / "README.md").read_text()


def test_the_composition_example_runs_as_written(tmp_path, monkeypatch):
    (code,) = re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL)
    assert len([line for line in code.splitlines() if line.strip()]) <= 28
    monkeypatch.chdir(tmp_path)
    names: dict = {}
    with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
        exec(compile(code, "README.md", "exec"), names)
    assert names["samples"].shape == (1000, 2)
    radius = np.linalg.norm(np.asarray(names["samples"]), axis=1)
    # The ring has radius 2; the untrained generator's points lie within 1.
    assert abs(float(np.median(radius)) - 2.0) < 0.5
    assert np.asarray(Image.open(tmp_path / "ring.png")).std() > 0.0


def test_every_config_is_listed_and_every_listed_one_exists():
    table = re.findall(r"^\| `(.*?)` \|", README, flags=re.MULTILINE)
    listed = {name.split(":")[0] for row in table for name in row.split("`, `")}
    files = {path.stem for path in (Path(__file__).parents[1] / "configs").glob("*.py")}
    assert listed == files
