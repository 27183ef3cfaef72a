"""The text that names a source."""

import subprocess
import sys

import pytest

import gan_jax.data
from gan_jax.data import DataError, open_source


@pytest.mark.parametrize("spec", ["buitlin:mnist", "mnist", "", "builtin:", "builtin"])
def test_wrong_kinds_list_the_choices(spec):
    kinds = ("builtin", "domains", "folder", "npz", "pairs", "synthetic", "text", "tfds",
             "words")  # fmt: skip
    choices = f"Choices: {', '.join(f'{kind}:...' for kind in kinds)}"
    with pytest.raises(DataError, match=choices.replace(".", r"\.")) as error:
        open_source(spec)
    assert "\n" not in str(error.value)


def test_nearest_kind_is_named():
    with pytest.raises(DataError, match=r"did you mean 'builtin:\.\.\.'"):
        open_source("builtn:mnist")


def test_public_names_exist_and_others_do_not():
    for name in dir(gan_jax.data):
        assert getattr(gan_jax.data, name).__name__ == name
    with pytest.raises(AttributeError, match="no attribute 'open_sauce'"):
        _ = gan_jax.data.open_sauce


def test_importing_the_package_imports_nothing_heavy():
    code = "import sys, gan_jax.data; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    loaded = set(done.stdout.split())
    assert "gan_jax.data" in loaded
    assert loaded.isdisjoint({"PIL", "grain", "tensorflow_datasets", "array_record"})
