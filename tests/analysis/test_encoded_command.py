"""`gan-jax analyse reconstruct`: whose codes become which images."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image

from gan_jax import pictures
from gan_jax.analyses import ANALYSES, analyse
from gan_jax.analyses.encoded import encode
from gan_jax.errors import UserError
from gan_jax.methods import ENCODING, METHODS
from gan_jax.trained import open_run
from tests.analysis.small_run import write_run

SIDE = 4


@pytest.fixture(scope="module")
def workdir(tmp_path_factory):
    wide = {f"{player}_features": (4,) for player in "ged"}
    return write_run(tmp_path_factory.mktemp("encoded"), "bigan", SIDE, **wide)


def _look(workdir, path, **changed):
    values = {flag.name: flag.default for flag in ANALYSES["reconstruct"].flags}
    given = {"workdir": str(workdir), "output": str(path), "n": 3}
    return analyse("reconstruct", values | given | changed)


def test_real_images_stand_above_what_their_codes_become(workdir, tmp_path):
    said = _look(workdir, tmp_path / "seen.png")
    run = open_run(workdir)
    real, _ = run.real_images(3)
    unit = jnp.asarray(real, jnp.float32) / 127.5 - 1.0
    again = np.asarray(run.generate(encode(run, unit)))
    error = np.square(again - np.asarray(unit)).mean()
    assert said.splitlines()[0] == f"training images: mean square error {error:.4g}"
    with Image.open(tmp_path / "seen.png") as image:
        picture = np.asarray(image, float)
    rows = pictures.grid(real, columns=3), pictures.grid(pictures.to_pixels(again), 3)
    for start, row in zip((0, picture.shape[0] - rows[1].shape[0]), rows, strict=True):
        found = picture[start : start + row.shape[0], : row.shape[1]]
        np.testing.assert_allclose(found, row[..., 0].astype(float), atol=1.0)


def test_methods_with_encoders_of_latents_are_known():
    assert METHODS.keys() > ENCODING


def test_runs_without_an_encoder_are_refused(tmp_path):
    run = write_run(tmp_path, "gan", SIDE, g_features=(4,), d_features=(4,))
    with pytest.raises(UserError, match="has no encoder of latents; those that have are"):
        _look(run, tmp_path / "no.png")
    assert not (tmp_path / "no.png").exists()
