"""Windows of metrics, rules that watch, and looks at samples."""

from __future__ import annotations

from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gan_jax import guards, observe
from gan_jax.config import default_config
from gan_jax.data.vocabulary import Vocabulary
from gan_jax.sampler import Sampler
from gan_jax.state import GameState, PlayerState

# Windows.


def filled(*metrics):
    window = observe.Window({})
    for values in metrics:
        window.add(values)
    return window


def test_a_line_is_the_mean_since_the_last_one():
    window = filled({"a": 1.0, "b": -2.0}, {"a": 2.0, "b": 4.0}, {"a": 6.0, "b": 1.0})
    assert not window.empty
    assert window.close() == {"a": 3.0, "b": 1.0}
    assert window.empty
    window.add({"a": 5.0, "b": 7.0})
    assert window.close() == {"a": 5.0, "b": 7.0}


def test_lazy_phases_count_the_steps_on_which_they_ran():
    run = {"r1/loss": 6.0, "r1/grad_norm": 2.0, "r1/ran": 1.0, "r1_other/loss": 4.0}
    skipped = {"r1/loss": 0.0, "r1/grad_norm": 0.0, "r1/ran": 0.0, "r1_other/loss": 2.0}
    window = filled(run, skipped, skipped, skipped)
    assert window.close() == {"r1/loss": 6.0, "r1/grad_norm": 2.0, "r1_other/loss": 2.5}
    assert filled(skipped, skipped).close() == {"r1_other/loss": 2.0}


def test_a_window_goes_on_where_another_was_left():
    values = [{"a": 0.1 * n, "b": 1.0 / (n + 1)} for n in range(7)]
    first = filled(*values[:3])
    second = observe.Window(first.memory())
    for value in values[3:]:
        second.add(value)
    assert second.close() == filled(*values).close()
    assert observe.Window(filled().memory()).empty


def test_a_window_knows_whether_all_is_finite():
    assert filled().finite
    assert filled({"a": 1.0}, {"a": 1e300}).finite
    assert not filled({"a": 1.0, "b": 1.0}, {"a": float("nan"), "b": 1.0}).finite
    assert not filled({"a": float("inf")}, {"a": 1.0}).finite


# Rules.


def watch(action, *rules, **changes):
    config = default_config()
    config.guards.action = action
    for name, value in changes.items():
        config.log[name] = value
    session = SimpleNamespace(config=config, rules=rules, abstract=STATE)
    return observe.Watch(session)


PARAMS = {
    "net": {"conv": {"kernel": jnp.ones((3, 3, 2, 4)), "bias": jnp.ones(4)}},
    "head": {"w": jnp.diag(jnp.array([2.0, 5.0])), "scale": jnp.float32(3.0)},
}
PLAYER = PlayerState(params=PARAMS, stats={}, transform=(), opt=(), ema=())
STATE = GameState(jnp.int32(7), jax.random.key(0), {"p": PLAYER}, {})


def test_what_follows_from_a_verdict():
    bad = {"a": float("inf"), "b": 1.0}
    message = "step 1,200: not finite: a = inf"
    with pytest.raises(observe.Trouble) as caught:
        watch("stop", guards.non_finite())(1200, bad)
    assert str(caught.value) == f"stopped by the rule 'non_finite' at {message}"
    with pytest.raises(observe.Rollback) as caught:
        watch("rollback", guards.non_finite())(1200, bad)
    assert str(caught.value) == message


def test_a_report_is_a_warning(caplog):
    rule = guards.sample_diversity(minimum=0.5, patience=2)
    seen = watch("report", rule, guards.non_finite())
    seen(1, {"sample_diversity": 0.1})
    assert caplog.messages == []
    assert seen.memory["sample_diversity"] == {"sample_diversity": 1}
    seen(2, {"sample_diversity": 0.2, "x": float("nan")})
    assert caplog.messages == [
        "step 2: sample_diversity is 0.2 (minimum 0.5), 2 looks in a row",
        "step 2: not finite: x = nan",
    ]


def test_rules_that_watch_nothing_are_introduced_once(caplog):
    rules = (guards.spectrum_growth(), guards.logit_margin(), guards.non_finite())
    seen = watch("report", *rules)
    seen.introduce(["disc/loss"])
    seen.introduce(["disc/loss"])
    assert caplog.messages == [
        "the guard rule 'logit_margin' watches nothing that this run measures"
    ]
    caplog.clear()
    watch("report", *rules, spectrum_every=0).introduce(["d/real_logits"])
    assert caplog.messages == [
        "the guard rule 'spectrum_growth' watches nothing that this run measures"
    ]


# Numbers of a state.


def test_spectra_and_norms_of_every_net():
    spectrum = observe.spectrum(STATE)
    assert spectrum.keys() == {
        "spectrum/net/conv/kernel",
        "spectrum_2/net/conv/kernel",
        "spectrum_3/net/conv/kernel",
        "spectrum/head/w",
        "spectrum_2/head/w",
    }
    assert float(spectrum["spectrum_2/head/w"]) == pytest.approx(2.0, rel=1e-6)
    assert abs(float(spectrum["spectrum_3/net/conv/kernel"])) < 1e-5
    assert float(spectrum["spectrum/head/w"]) == pytest.approx(5.0, rel=1e-6)
    ones = np.sqrt(18 * 4)  # of a matrix of rank one
    assert float(spectrum["spectrum/net/conv/kernel"]) == pytest.approx(ones, rel=1e-5)
    norms = observe.norms(STATE)
    assert norms.keys() == {"param_norm/net", "param_norm/head"}
    assert float(norms["param_norm/net"]) == pytest.approx(np.sqrt(76.0), rel=1e-6)
    assert float(norms["param_norm/head"]) == pytest.approx(np.sqrt(38.0), rel=1e-6)


# Looks.


def look(images):
    config = default_config()
    config.samples.count, config.samples.columns = len(images), 2
    session = SimpleNamespace(config=config)
    return observe.look(session, Sampler(lambda *a: (images, None)), None)


def test_a_look_at_images():
    images = np.stack([np.full((4, 4, 1), v, np.float32) for v in (-1.0, 0.0, 1.0)])
    found = look(images)
    assert found.diversity == pytest.approx((1.0 + 2.0 + 1.0) / 3.0, rel=1e-6)
    assert found.picture.shape == (2 * 4 + 3 * 2, 2 * 4 + 3 * 2, 1)
    corners = [found.picture[2, 2, 0], found.picture[2, 8, 0], found.picture[8, 2, 0]]
    assert corners == [0, 128, 255]


def test_a_look_at_texts():
    tokens = np.array([[1, 2, 0], [1, 0, 0], [1, 2, 0]], np.int32)
    config = default_config()
    config.samples.count = 3
    source = SimpleNamespace(vocabulary=Vocabulary(("a", "b")))
    session = SimpleNamespace(config=config, source=source)
    found = observe.look(session, Sampler(lambda *a: (tokens, None)), None)
    assert (found.picture, found.text) == (None, "ab\na\nab\n")
    # Of three pairs two differ, in one of three places.
    assert found.diversity == pytest.approx(2.0 / 9.0)


def test_points_of_three_dimensions_have_no_picture():
    found = look(np.eye(3, dtype=np.float32))
    assert found.picture is None
    assert found.diversity == pytest.approx(np.sqrt(2.0 / 3.0), rel=1e-6)
