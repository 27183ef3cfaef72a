"""Writers: what is written is what is read, also after a crash and on the way back."""

import io
import json
import math
import struct
import sys
import types

import numpy as np
import pytest
from PIL import Image
from tensorboardX.proto.event_pb2 import Event

from gan_jax import writers

PICTURE = np.arange(4 * 5 * 3, dtype=np.uint8).reshape(4, 5, 3)


# JSON lines.


def test_jsonl_lines_read_back(tmp_path):
    path = tmp_path / "run" / "metrics.jsonl"
    writer = writers.JsonlWriter(path)
    writer.scalars(5, {"images_seen": 320, "d/loss": np.float32(0.5), "g/loss": 1e-30})
    writer.text(5, "config", 'a = "b"\nc = 1')
    writer.image(5, "samples", PICTURE)
    writer.scalars(7, {"nan": math.nan, "inf": math.inf, "low": -math.inf})
    seen = list(writers.read_jsonl(path))  # every line is on disk before close
    writer.close()
    assert seen[0] == {"step": 5, "images_seen": 320, "d/loss": 0.5, "g/loss": 1e-30}
    assert seen[1] == {"step": 5, "name": "config", "text": 'a = "b"\nc = 1'}
    assert math.isnan(seen[2].pop("nan"))
    assert seen[2] == {"step": 7, "inf": math.inf, "low": -math.inf}
    assert len(seen) == 3


def test_jsonl_is_strict_json(tmp_path):
    path = tmp_path / "metrics.jsonl"
    writer = writers.JsonlWriter(path)
    writer.scalars(1, {"a": math.nan, "b": math.inf, "c": 3})
    writer.close()

    def refuse(constant):
        raise AssertionError(constant)

    line = json.loads(path.read_text(), parse_constant=refuse)
    assert line == {"step": 1, "a": "nan", "b": "inf", "c": 3}


def write_steps(path, steps):
    writer = writers.JsonlWriter(path)
    for step in steps:
        writer.scalars(step, {"loss": step / 8})
    return writer


def steps_in(path):
    return [(entry["step"], entry["loss"]) for entry in writers.read_jsonl(path)]


def test_jsonl_resumed_from_an_earlier_step_has_no_duplicates(tmp_path):
    path = tmp_path / "metrics.jsonl"
    write_steps(path, [10, 20, 30, 40]).close()
    writer = writers.JsonlWriter(path)
    writer.truncate_after(20)
    for step in (30, 40, 50):
        writer.scalars(step, {"loss": step / 8})
    writer.close()
    assert steps_in(path) == [(s, s / 8) for s in (10, 20, 30, 40, 50)]


def test_jsonl_goes_back_in_the_middle_of_a_run_and_to_the_start(tmp_path):
    path = tmp_path / "metrics.jsonl"
    writer = write_steps(path, [1, 2, 3])
    writer.truncate_after(2)
    writer.scalars(3, {"loss": -1.0})
    assert steps_in(path) == [(1, 1 / 8), (2, 2 / 8), (3, -1.0)]
    writer.truncate_after(-1)
    writer.scalars(1, {"loss": 4.0})
    writer.close()
    assert steps_in(path) == [(1, 4.0)]


@pytest.mark.parametrize("lost", [1, 5, 40])
def test_jsonl_line_cut_short_by_a_crash_is_removed(tmp_path, lost):
    path = tmp_path / "metrics.jsonl"
    write_steps(path, [1, 2, 3]).close()
    path.write_bytes(path.read_bytes()[:-lost])
    assert steps_in(path) == [(1, 1 / 8), (2, 2 / 8)][: 1 if lost == 40 else 2]
    writer = write_steps(path, [9])
    writer.close()
    assert steps_in(path)[-1] == (9, 9 / 8)
    assert path.read_text().count("\n") == (2 if lost == 40 else 3)


def test_jsonl_damaged_lines_are_left_out(tmp_path):
    path = tmp_path / "metrics.jsonl"
    write_steps(path, [1, 2]).close()
    whole = path.read_bytes()
    path.write_bytes(b'{"step": 1, "lo\n\xff\xfe\n[1]\n' + whole)
    assert steps_in(path) == [(1, 1 / 8), (2, 2 / 8)]
    writers.JsonlWriter(path).truncate_after(1)
    assert path.read_bytes() == whole.splitlines(keepends=True)[0]


# PNG files.


def test_png_files_by_name_and_step(tmp_path):
    writer = writers.FolderWriter(tmp_path / "samples")
    for step in (0, 100, 2000):
        writer.image(step, "ema/grid", PICTURE + np.uint8(step % 7))
    writer.scalars(1, {"loss": 1.0})
    writer.text(1, "note", "text")
    keep = tmp_path / "samples" / "final.png"
    keep.write_bytes(b"not ours")
    writer.truncate_after(100)
    names = sorted(path.name for path in (tmp_path / "samples").rglob("*.png"))
    assert names == ["final.png", "grid_000000000.png", "grid_000000100.png"]
    with Image.open(tmp_path / "samples" / "ema" / "grid_000000100.png") as image:
        np.testing.assert_array_equal(np.asarray(image), PICTURE + np.uint8(2))
    writer.close()


# Notes.


def test_notes_by_name_and_step(tmp_path):
    writer = writers.FolderWriter(tmp_path)
    for step in (0, 100, 2000):
        writer.text(step, "samples", f"naïve {step}\n")
    writer.scalars(1, {"loss": 1.0})
    (tmp_path / "own.txt").write_text("not ours")
    writer.truncate_after(100)
    writer.close()
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == ["own.txt", "samples_000000000.txt", "samples_000000100.txt"]
    assert (tmp_path / names[2]).read_text(encoding="utf-8") == "naïve 100\n"


# TensorBoard.


def events(directory):
    """Events of every file in the order in which TensorBoard reads them."""
    for path in sorted(directory.iterdir()):
        content, at = path.read_bytes(), 0
        while at < len(content):
            (length,) = struct.unpack_from("<Q", content, at)
            yield Event.FromString(content[at + 12 : at + 12 + length])
            at += 16 + length


def test_tensorboard_events_read_back(tmp_path):
    writer = writers.TensorBoardWriter(tmp_path)
    writer.scalars(3, {"d/loss": 0.5, "images_seen": 192})
    writer.text(4, "config", "some text")
    for channels in (1, 3, 4):
        shown = PICTURE[..., :1] if channels == 1 else np.zeros((4, 5, channels), np.uint8)
        writer.image(5, f"grid_{channels}", shown)
    writer.close()
    found = {}
    for event in events(tmp_path):
        for value in event.summary.value:
            found[value.tag] = (event.step, value)
    assert found["d/loss"][0] == 3
    assert found["d/loss"][1].simple_value == 0.5
    assert found["images_seen"][1].simple_value == 192
    note = next(v for tag, v in found.items() if tag.startswith("config"))
    assert (note[0], note[1].tensor.string_val[0]) == (4, b"some text")
    encoded = found["grid_1"][1].image.encoded_image_string
    with Image.open(io.BytesIO(encoded)) as image:
        np.testing.assert_array_equal(np.asarray(image.convert("L")), PICTURE[..., 0])
    assert (found["grid_4"][1].image.height, found["grid_4"][1].image.width) == (4, 5)


def test_tensorboard_voids_later_steps(tmp_path):
    writer = writers.TensorBoardWriter(tmp_path)
    writer.scalars(30, {"loss": 1.0})
    writer.truncate_after(20)
    writer.scalars(30, {"loss": 2.0})
    writer.close()
    seen = [
        (
            event.step,
            event.session_log.status,
            [v.simple_value for v in event.summary.value],
        )
        for event in events(tmp_path)
        if event.HasField("session_log") or event.HasField("summary")
    ]
    start = 1  # SessionLog.START at step n voids what earlier files say from n on
    assert seen == [(30, 0, [1.0]), (21, start, []), (30, 0, [2.0])]


# Weights & Biases.


class FakeRun:
    def __init__(self):
        self.logged, self.metrics, self.finished = [], [], False

    def define_metric(self, name, step_metric=None):
        self.metrics.append((name, step_metric))

    def log(self, values):
        self.logged.append(values)

    def finish(self):
        self.finished = True


def test_wandb_gets_everything_on_the_step_axis(tmp_path, monkeypatch):
    run, asked = FakeRun(), {}

    def init(**arguments):
        asked.update(arguments)
        return run

    fake = types.SimpleNamespace(
        init=init, Image=lambda x: ("image", x.shape), Html=lambda x: ("html", x)
    )
    monkeypatch.setitem(sys.modules, "wandb", fake)
    writer = writers.WandbWriter("project", tmp_path / "wandb", "run-7", {"seed": 3})
    writer.scalars(8, {"loss": np.float32(0.5)})
    writer.image(8, "grid", PICTURE)
    writer.text(9, "note", "a < b & c")
    writer.truncate_after(8)
    writer.close()
    assert asked == {
        "project": "project",
        "dir": str(tmp_path / "wandb"),
        "id": "run-7",
        "resume": "allow",
        "config": {"seed": 3},
    }
    assert run.metrics == [("step", None), ("*", "step")]
    assert run.logged == [
        {"step": 8, "loss": 0.5},
        {"step": 8, "grid": ("image", (4, 5, 3))},
        {"step": 9, "note": ("html", "<pre>a &lt; b &amp; c</pre>")},
    ]
    assert run.finished


def test_wandb_missing_is_one_clear_line(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "wandb", None)
    with pytest.raises(
        ModuleNotFoundError, match=r"pip install 'gan-jax\[wandb\]'"
    ) as error:
        writers.WandbWriter("project", tmp_path, "id", {})
    assert "\n" not in str(error.value)


# Several at once.


def test_multi_passes_everything_on_in_order(tmp_path):
    paths = [tmp_path / "a.jsonl", tmp_path / "b.jsonl"]
    pictures = writers.FolderWriter(tmp_path / "pictures")
    writer = writers.multi(*(writers.JsonlWriter(path) for path in paths), pictures)
    writer.scalars(1, {"loss": 1.0})
    writer.text(1, "note", "kept")
    writer.image(1, "grid", PICTURE)
    writer.scalars(2, {"loss": 2.0})
    writer.truncate_after(1)
    writer.close()
    for path in paths:
        assert list(writers.read_jsonl(path)) == [
            {"step": 1, "loss": 1.0},
            {"step": 1, "name": "note", "text": "kept"},
        ]
    assert (tmp_path / "pictures" / "grid_000000001.png").exists()
    with pytest.raises(ValueError, match="closed file"):
        writer.scalars(3, {"loss": 3.0})


def test_multi_of_none_takes_everything():
    writer = writers.multi()
    writer.scalars(1, {"loss": 1.0})
    writer.truncate_after(0)
    writer.close()


# The progress bar.


class Clock:
    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_progress_without_a_terminal_prints_a_line_now_and_then():
    clock, out = Clock(), io.StringIO()
    bar = writers.ProgressBar(12_000, 2_000, stream=out, interval_s=30.0, clock=clock)
    for step in range(2_100, 3_100, 100):  # 100 steps every 4 seconds
        clock.now += 4.0
        bar.update(step, 1600.4, {"d": 1.25, "g": np.float32(0.7)})
    assert out.getvalue() == (
        "step 2,800/12,000 | 1,600 images/s | d 1.25 | g 0.7 | 0:06:08 left\n"
    )
    bar.write("saved")
    bar.close()
    assert out.getvalue().splitlines()[1:] == [
        "saved",
        "step 3,000/12,000 | 1,600 images/s | d 1.25 | g 0.7 | 0:06:00 left",
    ]


def test_progress_says_the_last_state_once():
    clock, out = Clock(), io.StringIO()
    bar = writers.ProgressBar(10, stream=out, interval_s=1.0, clock=clock)
    bar.update(0, 0.0, {})
    clock.now = 7200.0
    bar.update(10, 5.0, {})
    bar.close()
    assert out.getvalue() == "step 10/10 | 5 images/s | 0:00:00 left\n"


def test_progress_of_a_run_that_is_done_prints_nothing():
    out = io.StringIO()
    writers.ProgressBar(10, 10, stream=out).close()
    assert out.getvalue() == ""


def test_progress_on_a_terminal_rewrites_one_line():
    out = Terminal()
    bar = writers.ProgressBar(400, 100, stream=out)
    bar.update(300, 1234.5, {"d": 0.25})
    bar.write("a message")
    bar.update(400, 1234.5, {"d": 0.125})
    bar.close()
    shown = out.getvalue()
    assert "  \ra message\n" in shown  # the bar is wiped before the message
    last = shown.rstrip().split("\r")[-1]
    assert last.startswith("step 400/400")
    assert "100%" in last
    assert last.endswith("00:00 left, 1,234 images/s, d 0.125")
