"""Padding by what is at the border."""

import jax.numpy as jnp
import numpy as np
import pytest

from gan_jax.nn import pad2d

ROW = jnp.asarray([[1.0, 2.0, 3.0, 4.0]] * 3).reshape(1, 3, 4, 1)


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("reflect", [3, 2, 1, 2, 3, 4, 3, 2]),
        ("replicate", [1, 1, 1, 2, 3, 4, 4, 4]),
        ("zero", [0, 0, 1, 2, 3, 4, 0, 0]),
    ],
)
def test_columns_and_rows(kind, expected):
    padded = np.asarray(pad2d(ROW, 2, kind))[0, :, :, 0]
    assert padded.shape == (7, 8)
    np.testing.assert_array_equal(padded[3], expected)
    turned = np.asarray(pad2d(ROW.transpose(0, 2, 1, 3), 2, kind))[0, :, :, 0]
    np.testing.assert_array_equal(turned, padded.T)


def test_what_cannot_be_padded():
    with pytest.raises(ValueError, match=r"at least 4 x 4 there, got 3 x 4: use larger"):
        pad2d(ROW, 3)
    with pytest.raises(ValueError, match="one of reflect, replicate, zero; got 'wrap'"):
        pad2d(ROW, 1, "wrap")
