"""The house: files import only from lower floors, and the package is light to import."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "gan_jax"

FLOORS = [
    {"errors", "files", "lazy", "numerics", "prng", "tracing", "trees", "types"},
    {"augment", "losses", "minibatch", "optim", "penalties", "priors", "transforms"},
    {"nn"},
    {"networks"},
    {"game", "state", "players", "engine"},
    {"methods"},
    {
        "analysis",
        "checkpoint",
        "data",
        "distributed",
        "guards",
        "interop",
        "interpolation",
        "metrics",
        "parallel",
        "pictures",
        "rendezvous",
        "sampling",
        "signals",
        "tiling",
    },
    {
        "analyses",
        "cli",
        "config",
        "config_files",
        "drawing_verbs",
        "evaluation",
        "explorer",
        "flagged",
        "growth",
        "inspection",
        "launch",
        "loop",
        "observe",
        "optimizers",
        "pages",
        "plan",
        "registry",
        "relay",
        "reports",
        "sampler",
        "session",
        "stages",
        "tables",
        "texts",
        "trained",
        "translating",
        "translator",
        "verbs",
        "workdir",
        "writers",
    },
]
FLOOR = {name: number for number, names in enumerate(FLOORS) for name in names}
FILES = sorted(PACKAGE.rglob("*.py"))


def home(path: Path) -> str | None:
    """The part of the house a file belongs to; None for the package's own doors."""
    first = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
    return None if first in ("__init__", "__main__") else first


def imports(path: Path) -> set[str]:
    """Parts of the house that a file imports, anywhere in it."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module == "gan_jax":
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith(
            "gan_jax."
        ):
            found.add(node.module.split(".")[1])
        elif isinstance(node, ast.Import):
            names = [alias.name.split(".") for alias in node.names]
            found |= {n[1] for n in names if n[0] == "gan_jax" and len(n) > 1}
    return found & set(FLOOR)


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_a_file_imports_only_from_its_own_and_lower_floors(path):
    part = home(path)
    if part is None:
        return
    assert part in FLOOR, f"{part} has no floor: add it to FLOORS"
    above = {name for name in imports(path) if FLOOR[name] > FLOOR[part]}
    assert not above, f"{part} (floor {FLOOR[part]}) imports {above} from above"


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_the_lower_floors_import_no_flax_and_no_devices(path):
    part = home(path)
    if part is None or FLOOR[part] > 5:
        return
    text = path.read_text()
    assert "jax.devices(" not in text
    assert "open(" not in text.replace("jnp.open(", "") or part == "files"
    if FLOOR[part] <= 1 or part == "engine":
        assert "from flax" not in text
        assert "import flax" not in text


def test_no_file_is_long():
    long = {p.name: n for p in FILES if (n := p.read_text().count("\n")) > 420}
    assert not long


def test_importing_the_package_imports_nothing_heavy():
    heavy = ("orbax", "grain", "tensorflow_datasets", "scipy", "matplotlib", "PIL")
    heavy += ("tensorboardX", "tensorflow", "gan_jax.data", "gan_jax.metrics")
    code = f"import sys, gan_jax; print([m for m in {heavy!r} if m in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
