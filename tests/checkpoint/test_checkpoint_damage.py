"""Damaged checkpoints: every file, every kind of damage, and what is done about it."""

import json
import shutil

import jax
import pytest

from gan_jax.checkpoint import (
    Checkpointer,
    CheckpointError,
    latest_digest,
    load,
    saved_steps,
    state_digest,
)


def _flip(file):
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 4
    file.write_bytes(data)


def _truncate(file):
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])


def _delete(file):
    file.unlink()


def _write_nothing(file):
    file.write_bytes(b"")


_DAMAGE = [_flip, _truncate, _delete, _write_nothing]


def _files(folder):
    return sorted(path for path in folder.rglob("*") if path.is_file())


def _largest(folder):
    return max(_files(folder), key=lambda path: path.stat().st_size)


def _abstract(state):
    return jax.eval_shape(lambda: state)


@pytest.fixture(scope="module")
def pristine(tmp_path_factory, new_state):
    """A directory with the states 1, 2 and 3."""
    directory = tmp_path_factory.mktemp("pristine")
    with Checkpointer(directory) as saver:
        for step in (1, 2, 3):
            saver.save(step, new_state(step), position=step * 10)
    return directory


@pytest.fixture
def copy(pristine, tmp_path):
    return shutil.copytree(pristine, tmp_path / "run")


@pytest.mark.parametrize("damage", _DAMAGE)
def test_damage_in_any_file_is_noticed_or_harmless(
    pristine, tmp_path, new_state, same, damage
):
    abstract, noticed = _abstract(new_state(0)), []
    for file in _files(pristine / "3"):
        copy = shutil.copytree(pristine, tmp_path / "run")
        damage(copy / file.relative_to(pristine))
        restored = load(copy, abstract)
        assert restored.step in (2, 3), file
        assert restored.position == restored.step * 10, file
        assert same(restored.state, new_state(restored.step)), file
        if restored.step == 2:
            noticed.append(str(file.relative_to(pristine / "3")))
        shutil.rmtree(copy)
    assert "record/metadata" in noticed
    assert str(_largest(pristine / "3" / "state").relative_to(pristine / "3")) in noticed
    assert "state/manifest.ocdbt" in noticed


@pytest.fixture
def wrong_values(copy, new_state):
    """The state 3 beside the record of one with other statistics, key and step."""
    state, four = new_state(3), new_state(4)
    player = state.players["g"].replace(stats=four.players["g"].stats)
    other = state.replace(step=four.step, key=four.key, players={"g": player})
    record = "3/record/metadata"
    with Checkpointer(copy.parent / "other") as saver:
        saver.save(3, other, position=30)
    shutil.copyfile(copy.parent / "other" / record, copy / record)
    return copy


def test_wrong_values_are_named(wrong_values, new_state, caplog):
    assert load(wrong_values, _abstract(new_state(0))).step == 2
    assert caplog.messages == [
        f"checkpoint 3 in {wrong_values} is damaged: values differ from their digests in "
        "key, players/g/stats/seen, step"
    ]


@pytest.mark.parametrize(("part", "step"), [("stats", 2), ("params", 3), ("ema", 3)])
def test_of_part_of_a_state_that_part_is_verified(
    wrong_values, new_state, same, part, step
):
    def pick(state):
        return {"players": {"g": {part: getattr(state.players["g"], part)}}}

    restored = load(wrong_values, _abstract(pick(new_state(0))), partial=True)
    assert restored.step == step
    assert same(restored.state, pick(new_state(step)))


@pytest.mark.parametrize("folder", ["record", "state", "."])
def test_a_missing_folder_is_noticed(copy, new_state, same, folder):
    for path in sorted((copy / "3").iterdir()) if folder == "." else [copy / "3" / folder]:
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    restored = load(copy, _abstract(new_state(0)))
    assert restored.step == 2
    assert same(restored.state, new_state(2))


@pytest.mark.parametrize("field", ["position", "step", "score"])
def test_a_changed_record_is_noticed(copy, new_state, field):
    file = copy / "3" / "record" / "metadata"
    content = json.loads(file.read_text())
    content["record"][field] = 1
    file.write_text(json.dumps(content))
    assert load(copy, _abstract(new_state(0))).step == 2


def test_a_record_of_another_step_is_noticed(copy, new_state, caplog):
    shutil.copytree(copy / "2", copy / "9")
    assert latest_digest(copy) == (3, state_digest(new_state(3)))
    assert caplog.messages == [
        f"checkpoint 9 in {copy} is damaged: its record is that of step 2"
    ]


def test_fallback_names_the_damage_and_sets_it_aside(copy, new_state, same, caplog, capfd):
    _flip(_largest(copy / "3" / "state"))
    before = {f.relative_to(copy / "3"): f.read_bytes() for f in _files(copy / "3")}
    with Checkpointer(copy) as saver:
        restored = saver.restore(_abstract(new_state(0)))
        assert (restored.step, restored.position) == (2, 20)
        assert same(restored.state, new_state(2))
        damaged, kept = caplog.messages
        assert damaged.startswith(f"checkpoint 3 in {copy} is damaged: ")
        assert "\n" not in damaged
        assert kept == f"kept the damaged one as {copy / '3.damaged'}"
        aside = copy / "3.damaged"
        assert {f.relative_to(aside): f.read_bytes() for f in _files(aside)} == before
        assert saver.steps() == saved_steps(copy) == [1, 2]
        saver.save(3, new_state(33), position=33)
        assert same(saver.restore(_abstract(new_state(0))).state, new_state(33))
        _delete(copy / "3" / "record" / "metadata")
        assert saver.restore(_abstract(new_state(0))).step == 2
    assert sorted(p.name for p in copy.iterdir()) == ["1", "2", "3.damaged", "3.damaged-2"]
    assert "Traceback" not in "".join(capfd.readouterr())


def test_several_damaged_ones(copy, new_state, same):
    _truncate(_largest(copy / "3" / "state"))
    _delete(copy / "2" / "record" / "metadata")
    with Checkpointer(copy) as saver:
        restored = saver.restore(_abstract(new_state(0)))
    assert same(restored.state, new_state(1))
    assert sorted(p.name for p in copy.iterdir()) == ["1", "2.damaged", "3.damaged"]


def test_nothing_is_touched_when_all_are_damaged(copy, new_state):
    for step in ("1", "2", "3"):
        _flip(copy / step / "record" / "metadata")
    before = _files(copy)
    with Checkpointer(copy) as saver, pytest.raises(CheckpointError) as raised:
        saver.restore(_abstract(new_state(0)))
    message = str(raised.value)
    assert message.startswith(
        f"every checkpoint in {copy} is damaged (3, 2, 1; 3: its record "
    )
    assert "\n" not in message
    assert _files(copy) == before
    with pytest.raises(CheckpointError, match="every checkpoint"):
        latest_digest(copy)


def test_one_asked_for_by_its_step_has_no_substitute(copy, new_state, same):
    _flip(copy / "2" / "record" / "metadata")
    with Checkpointer(copy) as saver:
        with pytest.raises(
            CheckpointError, match=r"checkpoint 2 in .* is damaged: its record"
        ):
            saver.restore(_abstract(new_state(0)), step=2)
        assert saver.steps() == [1, 2, 3]
        assert same(saver.restore(_abstract(new_state(0)), step=1).state, new_state(1))


def test_reading_alone_moves_nothing(copy, new_state):
    _flip(_largest(copy / "3" / "state"))
    before = _files(copy)
    assert latest_digest(copy) == (2, state_digest(new_state(2)))
    assert load(copy, _abstract(new_state(0))).step == 2
    assert _files(copy) == before


def test_the_damaged_one_is_replaced_by_a_save_at_its_step(copy, new_state, same):
    _flip(copy / "3" / "record" / "metadata")
    with Checkpointer(copy) as saver:  # without a restore, damage goes unnoticed
        saver.save(3, new_state(3), position=30)
    assert same(load(copy, _abstract(new_state(0))).state, new_state(3))
    assert saved_steps(copy) == [1, 2, 3]
