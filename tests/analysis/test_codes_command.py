"""`gan-jax analyse codes`: which latents stand where in its picture."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image

from gan_jax import pictures
from gan_jax.analyses import ANALYSES, analyse
from gan_jax.analyses.codes import Codes, codes_of
from gan_jax.errors import UserError
from gan_jax.trained import open_run
from tests.analysis.small_run import write_run

SIDE, NOISE = 8, 3


def _write(folder, method, **options):
    small = {"width": 2, "kernel_size": 3, "d_norm": "none"}
    return write_run(folder, method, SIDE, NOISE, **small, **options)


@pytest.fixture(scope="module")
def workdir(tmp_path_factory):
    """An InfoGAN with categorical codes of two and of three values and two continuous."""
    folder = tmp_path_factory.mktemp("codes")
    return _write(folder, "infogan", categories=(2, 3), continuous=2)


def _look(workdir, tmp_path, **changed):
    values = {flag.name: flag.default for flag in ANALYSES["codes"].flags}
    path = tmp_path / "codes.png"
    given = values | {"workdir": str(workdir), "output": str(path)} | changed
    assert analyse("codes", given) == str(path)
    with Image.open(path) as image:
        return np.asarray(image)


def test_codes_stand_at_the_end():
    found = Codes((2, 3), 2)
    latents = jnp.arange(10.0)[None]
    changed = found.with_value(latents, 0, jnp.array([1]))
    np.testing.assert_array_equal(changed[0], [0, 1, 2, 0, 1, 5, 6, 7, 8, 9])
    changed = found.with_value(latents, 1, jnp.array([0]))
    np.testing.assert_array_equal(changed[0], [0, 1, 2, 3, 4, 1, 0, 0, 8, 9])
    changed = found.with_number(latents, 1, jnp.array([-2.0]))
    np.testing.assert_array_equal(changed[0], [0, 1, 2, 3, 4, 5, 6, 7, 8, -2])
    # The very places that the prior draws them in.
    assert Codes((4,), 0).with_value(jnp.zeros((1, 5)), 0, jnp.array([3]))[0, 4] == 1.0


def test_picture_of_codes(workdir, tmp_path):
    run = open_run(workdir)
    assert codes_of(run) == Codes((2, 3), 2)
    picture = _look(workdir, tmp_path, seed=5, code=1, n=4, steps=3, reach=1.5)
    latents = np.asarray(run.latents(jax.random.key(5), 4))
    # Three values down; four samples, then three images for each of two codes.
    expected, corners = [], []
    for value in range(3):
        for column in range(4):
            z = latents[column].copy()
            z[NOISE + 2 : NOISE + 5] = np.eye(3)[value]
            expected.append(z)
            corners.append((value, column, 0))
        for code in range(2):
            for place, number in enumerate((-1.5, 0.0, 1.5)):
                z = latents[0].copy()
                z[NOISE + 2 : NOISE + 5] = np.eye(3)[value]
                z[NOISE + 5 + code] = number
                expected.append(z)
                left = (2 + 4 * (SIDE + 2) + 12) + code * (2 + 3 * (SIDE + 2) + 12)
                corners.append((value, place, left))
    images = pictures.to_pixels(np.asarray(run.generate(jnp.asarray(expected))))[..., 0]
    for image, (row, column, left) in zip(images, corners, strict=True):
        y, x = 2 + row * (SIDE + 2), left + 2 + column * (SIDE + 2)
        drawn = picture[y : y + SIDE, x : x + SIDE].astype(float)
        # Other programs add in another order.
        np.testing.assert_allclose(drawn, image.astype(float), atol=1.0)
    # Codes change what is made.
    assert len(np.unique(images.reshape(len(images), -1), axis=0)) > 12


def test_mistakes_are_one_line(workdir, tmp_path):
    plain = _write(tmp_path, "dcgan")
    for run, changed, message in (
        (plain, {}, "dcgan has no codes; those of infogan have"),
        (workdir, {"code": 2}, "--code=2: the run has 2 categorical codes, from 0"),
        (workdir, {"reach": 0.0}, "--reach must be above 0, got 0.0"),
        (workdir, {"steps": 1}, "--steps must be at least 2, got 1"),
    ):
        with pytest.raises(UserError, match=message) as caught:
            _look(run, tmp_path, **changed)
        assert "\n" not in str(caught.value)
