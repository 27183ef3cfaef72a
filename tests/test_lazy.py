"""Packages import their names when these are first used, and nobody can tell."""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module

import pytest

from gan_jax import lazy, methods

PACKAGES = ["gan_jax.methods", "gan_jax.networks", "gan_jax.nn"]


def _fresh(code: str) -> str:
    """What a process of its own prints."""
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    return run.stdout.strip()


@pytest.mark.parametrize("package", PACKAGES)
def test_every_public_name_is_there(package):
    module = import_module(package)
    assert set(module.__all__) <= set(dir(module))
    for name in module.__all__:
        assert getattr(module, name) is not None
        assert name in vars(module)


@pytest.mark.parametrize("package", PACKAGES)
def test_a_misspelt_name_is_no_attribute(package):
    with pytest.raises(
        AttributeError, match=f"module '{package}' has no attribute 'widht'"
    ):
        _ = import_module(package).widht
    with pytest.raises(ImportError, match="cannot import name 'widht'"):
        exec(f"from {package} import widht")


def test_importing_the_package_defines_no_network():
    parts = ("gan_jax.methods.", "gan_jax.networks.", "gan_jax.nn.")
    code = "import sys, gan_jax as g; assert 'sagan' in list(g.methods.METHODS);"
    code += f"print([m for m in sys.modules if m.startswith({parts!r})])"
    assert _fresh(code) == "[]"


def test_one_method_imports_only_its_networks():
    code = "import sys, gan_jax; gan_jax.methods.METHODS['gan'];"
    code += "print(sorted(m for m in sys.modules if m.startswith('gan_jax.networks.')))"
    assert _fresh(code) == str(
        [f"gan_jax.networks.{n}" for n in ("heads", "labels", "mlp")]
    )


def test_a_builder_and_its_module_of_the_same_name():
    code = "import gan_jax.methods.gan, gan_jax.methods.two_player;"
    code += "m = gan_jax.methods; print(m.gan.__name__, m.two_player.__name__)"
    assert _fresh(code) == "gan two_player"


def test_a_table_is_a_mapping_that_lists_its_names():
    table = lazy.Table("gan_jax.methods", ("gan", "nowhere"))
    assert list(table) == ["gan", "nowhere"]
    assert len(table) == 2
    assert "nowhere" in table
    assert "dcgan" not in table
    assert table["gan"] is methods.gan
    assert table.get("dcgan") is None
    with pytest.raises(KeyError, match="dcgan"):
        table["dcgan"]
