import json
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import NamedSharding
from jax.sharding import PartitionSpec as P

from gan_jax.checkpoint import (
    Checkpointer,
    CheckpointError,
    best_step,
    latest_digest,
    leaf_digests,
    load,
    read_record,
    saved_steps,
    state_digest,
)


def _abstract(state):
    return jax.eval_shape(lambda: state)


def _names(directory):
    return sorted(child.name for child in directory.iterdir())


def test_a_state_comes_back_bit_for_bit(tmp_path, state, same):
    meta = {
        "guard": {"strikes": 2, "margin": [0.5, 1e-300]},
        "best": math.inf,
        "note": None,
    }
    with Checkpointer(tmp_path / "new" / "dir", config={"lr": 2e-4, "k": [1, 2]}) as saver:
        assert saver.restore(_abstract(state)) is None
        saver.save(30, state, position=1234567890123, meta=meta, score=1.5)
        restored = saver.restore(_abstract(state))
    assert same(restored.state, state)
    assert all(isinstance(leaf, jax.Array) for leaf in jax.tree.leaves(restored.state))
    assert (restored.step, restored.position, restored.meta) == (30, 1234567890123, meta)
    record = read_record(tmp_path / "new" / "dir", 30)
    assert record == restored.record
    assert record.score == 1.5
    assert record.config == {"lr": 2e-4, "k": [1, 2]}
    assert record.versions["jax"] == jax.__version__
    assert {path: leaf.sha256 for path, leaf in record.leaves.items()} == leaf_digests(
        state
    )
    assert record.leaves["memory/keys"][:3] == ("key<rbg>", (3,), "rbg")


def test_a_directory_may_be_named_from_where_one_stands(tmp_path, state, same, monkeypatch):
    with Checkpointer(tmp_path / "run") as saver:
        saver.save(3, state, position=0)
    monkeypatch.chdir(tmp_path)
    assert same(load("run", _abstract(state)).state, state)
    assert latest_digest("run") == (3, state_digest(state))


def test_digest_of_a_directory_needs_no_game(tmp_path, new_state):
    with Checkpointer(tmp_path) as saver:
        for step in (10, 9 + 2):
            saver.save(step, new_state(step), position=0)
    assert latest_digest(tmp_path) == (11, state_digest(new_state(11)))
    assert state_digest(new_state(11)) != state_digest(new_state(10))


def test_no_checkpoint_has_no_digest(tmp_path, state):
    with pytest.raises(CheckpointError, match=f"^no checkpoint in {tmp_path}$"):
        latest_digest(tmp_path)
    assert load(tmp_path / "missing", _abstract(state)) is None
    assert saved_steps(tmp_path / "missing") == []
    assert best_step(tmp_path) is None


def test_a_saved_state_may_be_donated_at_once(tmp_path):
    advance = jax.jit(lambda s: jax.tree.map(lambda x: x * 3 + 1, s), donate_argnums=0)
    state = {"w": jnp.arange(1 << 18, dtype=jnp.uint32), "n": jnp.uint32(0)}
    with Checkpointer(tmp_path, keep_last=5) as saver:
        for step in range(5):
            saver.save(step, state, position=step)
            state = advance(state)
        w, n = np.arange(1 << 18, dtype=np.uint32), np.uint32(0)
        for step in range(5):
            got = saver.restore(_abstract(state), step=step).state
            np.testing.assert_array_equal(got["w"], w)
            assert got["n"] == n
            w, n = w * np.uint32(3) + np.uint32(1), n * np.uint32(3) + np.uint32(1)


def test_a_restored_state_may_be_donated(tmp_path, state, same):
    with Checkpointer(tmp_path) as saver:
        saver.save(1, state, position=0, wait=True)
        first = saver.restore(_abstract(state)).state.players["g"].params
        doubled = jax.jit(lambda p: jax.tree.map(lambda x: x + x, p), donate_argnums=0)(
            first
        )
        for got, want in zip(
            jax.tree.leaves(doubled),
            jax.tree.leaves(state.players["g"].params),
            strict=True,
        ):
            np.testing.assert_array_equal(got, want + want)
        assert same(saver.restore(_abstract(state)).state, state)


@pytest.mark.parametrize("saved_on", [1, 8])
@pytest.mark.parametrize("restored_on", [1, 4])
def test_restores_onto_another_number_of_devices(tmp_path, saved_on, restored_on):
    def shardings(count):
        mesh = jax.make_mesh((count,), ("data",), devices=jax.devices()[-count:])
        rows, everywhere = NamedSharding(mesh, P("data")), NamedSharding(mesh, P())
        columns = NamedSharding(mesh, P(None, "data"))
        return {"w": rows, "v": columns, "key": everywhere, "keys": rows, "n": everywhere}

    values = {
        "w": np.arange(32.0, dtype=np.float32).reshape(16, 2),
        "v": np.arange(24, dtype=np.int32).reshape(3, 8),
        "key": jax.random.key(3),
        "keys": jax.random.split(jax.random.key(4), 8),
        "n": np.float32(5),
    }
    state = jax.tree.map(jax.device_put, values, shardings(saved_on))
    wanted = shardings(restored_on)
    abstract = jax.tree.map(
        lambda x, s: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=s), state, wanted
    )
    with Checkpointer(tmp_path) as saver:
        saver.save(1, state, position=0)
        got = saver.restore(abstract).state
    assert state_digest(got) == state_digest(values)
    for name, leaf in got.items():
        assert leaf.sharding.is_equivalent_to(wanted[name], leaf.ndim), name
        assert leaf.dtype == values[name].dtype


@pytest.mark.parametrize(
    ("lower_is_better", "kept", "best"), [(True, [2, 4, 7, 8], 2), (False, [3, 5, 7, 8], 5)]
)
def test_keeps_the_last_and_the_best(tmp_path, state, lower_is_better, kept, best):
    scores = {1: None, 2: 0.5, 3: 3.0, 4: 1.0, 5: 3.0, 6: math.nan, 7: 2.0, 8: None}
    options = {"keep_last": 2, "keep_best": 2, "lower_is_better": lower_is_better}
    for part in (
        range(1, 6),
        range(6, 9),
    ):  # the second opening knows the first one's scores
        with Checkpointer(tmp_path, **options) as saver:
            for step in part:
                saver.save(step, state, position=0, score=scores[step])
    assert saved_steps(tmp_path) == kept
    assert best_step(tmp_path, lower_is_better=lower_is_better) == best


def test_keeping_only_the_last(tmp_path, state):
    with Checkpointer(tmp_path, keep_last=1, keep_best=0) as saver:
        for step in (1, 2, 3):
            saver.save(step, state, position=0, score=float(step))
        saver.wait()
        assert saver.steps() == saved_steps(tmp_path) == [3]


@pytest.mark.parametrize("options", [{"keep_last": 0}, {"keep_best": -1}])
def test_bad_numbers_to_keep(tmp_path, options):
    with pytest.raises(
        ValueError, match="keep_last must be at least 1 and keep_best at least"
    ):
        Checkpointer(tmp_path, **options)


def test_saving_the_same_again_does_nothing(tmp_path, state):
    with Checkpointer(tmp_path) as saver:
        saver.save(4, state, position=8, wait=True)
        inode = (tmp_path / "4").stat().st_ino
        saver.save(4, state, position=8, wait=True)
        assert (tmp_path / "4").stat().st_ino == inode
        saver.save(4, state, position=9, wait=True)
        assert (tmp_path / "4").stat().st_ino != inode
        assert saver.restore(_abstract(state)).position == 9
        assert _names(tmp_path) == ["4"]


def test_another_state_at_the_same_step_replaces(tmp_path, new_state, same):
    with Checkpointer(tmp_path) as saver:
        saver.save(4, new_state(1), position=8, score=1.0)
        saver.save(4, new_state(2), position=8)
    assert _names(tmp_path) == ["4"]
    assert same(load(tmp_path, _abstract(new_state(0))).state, new_state(2))
    assert best_step(tmp_path) is None


def test_an_interrupted_replacement_is_ended(tmp_path, state, new_state, same):
    with Checkpointer(tmp_path) as saver:
        saver.save(3, state, position=0)
        saver.save(4, new_state(4), position=0)
    (tmp_path / "4").rename(tmp_path / "4.replaced")  # killed before the new 4 was complete
    (tmp_path / "3.replaced").mkdir()  # killed after the new 3 was complete
    with Checkpointer(tmp_path) as saver:
        assert _names(tmp_path) == ["3", "4"]
        assert same(saver.restore(_abstract(state)).state, new_state(4))


def test_what_a_killed_save_left_is_cleared(tmp_path, state, same):
    with Checkpointer(tmp_path) as saver:
        saver.save(3, state, position=0)
    left = tmp_path / "4.orbax-checkpoint-tmp" / "state.orbax-checkpoint-tmp"
    left.mkdir(parents=True)
    (left / "half").write_bytes(b"x" * 100)
    assert latest_digest(tmp_path).step == 3
    with Checkpointer(tmp_path) as saver:
        assert saver.restore(_abstract(state)).step == 3
        saver.save(4, state, position=0)
    assert _names(tmp_path) == ["3", "4"]


def test_going_back(tmp_path, new_state, same):
    with Checkpointer(tmp_path, keep_last=9) as saver:
        for step in (1, 2, 3, 4):
            saver.save(step, new_state(step), position=step, score=-float(step))
        with pytest.raises(
            CheckpointError, match=r"checkpoint 3 in .* older than the newest"
        ):
            saver.save(3, new_state(5), position=3)
        back = saver.restore(_abstract(new_state(0)), step=2)
        assert (back.step, back.position) == (2, 2)
        assert same(back.state, new_state(2))
        saver.discard_after(2)
        assert saver.steps() == saved_steps(tmp_path) == [1, 2]
        saver.save(3, new_state(6), position=3)
        assert same(saver.restore(_abstract(new_state(0))).state, new_state(6))
    assert saved_steps(tmp_path) == [1, 2, 3]


def test_part_of_a_state(tmp_path, state, same):
    with Checkpointer(tmp_path) as saver:
        saver.save(3, state, position=0)
    player = state.players["g"]
    part = {"players": {"g": {"ema": player.ema, "stats": player.stats}}, "key": state.key}
    got = load(tmp_path, _abstract(part), partial=True)
    assert same(got.state, part)
    with pytest.raises(CheckpointError, match="players/x is not in the checkpoint"):
        load(
            tmp_path,
            {"players": {"x": jax.ShapeDtypeStruct((2,), jnp.float32)}},
            partial=True,
        )
    with pytest.raises(
        CheckpointError, match="players/g/opt/0/count is in the checkpoint only"
    ):
        load(tmp_path, _abstract(part))


def test_another_game_is_refused_and_not_called_damaged(tmp_path, state, caplog):
    kernel = jnp.zeros((48, 25), jnp.float32)
    net = state.players["g"].params["net"] | {"kernel": kernel, "bias": jnp.zeros(5)}
    player = state.players["g"].replace(params={"net": net})
    other = state.replace(
        players={"g": player}, memory={"pool": state.memory["pool"], "new": jnp.ones(1)}
    )
    with Checkpointer(tmp_path) as saver:
        saver.save(3, state, position=0)
        with pytest.raises(CheckpointError) as raised:
            saver.restore(_abstract(other))
    assert str(raised.value) == (
        f"checkpoint 3 in {tmp_path} was made by another game: "
        "memory/keys is in the checkpoint only; memory/new is not in the checkpoint; "
        "players/g/params/net/bias is float32[5] here, bfloat16[5] there; and 1 more. "
        "Use the config that made it, or another work directory."
    )
    assert _names(tmp_path) == ["3"]
    assert caplog.messages == []


def test_keys_of_another_kind_are_another_game(tmp_path, state):
    with Checkpointer(tmp_path) as saver:
        saver.save(3, state, position=0)
        with pytest.raises(
            CheckpointError, match=r"key is key<rbg>\[\] here, key<fry>\[\] there"
        ):
            saver.restore(_abstract(state.replace(key=jax.random.key(0, impl="rbg"))))


def test_a_missing_step_is_named(tmp_path, state):
    with Checkpointer(tmp_path) as saver:
        saver.save(3, state, position=0)
        saver.save(5, state, position=0)
        with pytest.raises(CheckpointError, match=r"checkpoint 4 in .* there are: 3, 5$"):
            saver.restore(_abstract(state), step=4)


def test_notes_that_are_no_json_are_refused_before_anything_is_written(tmp_path, state):
    with Checkpointer(tmp_path) as saver:
        with pytest.raises(TypeError, match="not JSON serializable"):
            saver.save(3, state, position=0, meta={"x": np.float32(1)})
        assert saver.steps() == []
        saver.save(3, state, position=0, meta={"x": 1.0})
    assert json.loads((tmp_path / "3" / "record" / "metadata").read_text())["record"][
        "meta"
    ] == {"x": 1.0}
