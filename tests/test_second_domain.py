"""Runs on two domains without pairs: batches, fixed examples, and what is refused."""

import numpy as np
import pytest

from gan_jax import registry
from gan_jax.config import default_config, set_options
from gan_jax.data import DataError
from gan_jax.errors import UserError
from gan_jax.session import abstract_batch, fixed_examples, open_session

SIDE = 12


def two_domains(folder, count=9, shape=(SIDE, SIDE, 1)):
    """A config on dark images and on bright ones."""
    for name, value in (("dark", 10), ("bright", 200)):
        size = count if name == "bright" else 6
        np.savez(folder / f"{name}.npz", image=np.full((size, *shape), value, np.uint8))
    config = default_config()
    config.method = "cyclegan"
    set_options(config, width=2, blocks=1, d_width=2, d_layers=1, pool=0)
    config.data.source = f"npz:{folder / 'dark.npz'}"
    config.data.second = f"npz:{folder / 'bright.npz'}"
    config.train.batch_size, config.parallel.devices = 4, 1
    return config


def test_batches_have_both_domains(tmp_path):
    session = open_session(two_domains(tmp_path))
    batch = session.pipeline.rounds(3, 2)
    assert batch["image"].shape == batch["second"]["image"].shape == (2, 4, SIDE, SIDE, 1)
    assert (batch["image"] == 10).all()
    assert (batch["second"]["image"] == 200).all()
    shapes = abstract_batch(session.data, (2, 4))
    assert shapes["second"]["image"].shape == batch["second"]["image"].shape


def test_fixed_examples_are_as_many_of_both(tmp_path):
    session = open_session(two_domains(tmp_path))
    found = fixed_examples(session, 8)
    assert found["image"].shape == found["second"]["image"].shape == (6, SIDE, SIDE, 1)
    assert (found["second"]["image"] == 200).all()


def test_both_domains_are_in_the_fingerprint(tmp_path):
    config = two_domains(tmp_path)
    before = open_session(config).fingerprint()
    assert open_session(config).fingerprint() == before
    two_domains(tmp_path, count=10)
    assert open_session(config).fingerprint() != before


def test_a_domain_of_another_size_is_resized_like_the_first(tmp_path):
    config = two_domains(tmp_path)
    large = np.full((5, 30, 40, 3), 90, np.uint8)
    np.savez(tmp_path / "large.npz", image=large)
    config.data.second = f"npz:{tmp_path / 'large.npz'}"
    batch = open_session(config).pipeline.rounds(0, 1)
    assert batch["second"]["image"].shape == (1, 4, SIDE, SIDE, 1)
    assert (batch["second"]["image"] == 90).all()


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (np.zeros((0, SIDE, SIDE, 1), np.uint8), "holds no examples"),
        (np.zeros((3, SIDE, SIDE, 5), np.uint8), "has 5 channels but image_shape is"),
        (np.zeros((3, 2), np.float32), "examples of shape"),
    ],
)
def test_a_second_domain_is_checked_like_the_first(tmp_path, images, message):
    config = two_domains(tmp_path)
    np.savez(tmp_path / "bright.npz", image=images)
    with pytest.raises(DataError, match=message):
        open_session(config)


def test_a_missing_second_domain_and_a_needless_one_are_named(tmp_path):
    config = two_domains(tmp_path)
    config.data.second = None
    with pytest.raises(UserError, match=r"is of two domains: set data\.second"):
        registry.resolve(config, (SIDE, SIDE, 1))
    config = two_domains(tmp_path)
    config.method, config.model = "dcgan", {}
    with pytest.raises(UserError, match=r"has no use for data\.second"):
        registry.resolve(config, (SIDE, SIDE, 1))
