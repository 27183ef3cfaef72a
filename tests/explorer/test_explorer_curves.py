"""Reading what a run has written, while it may be writing."""

from __future__ import annotations

import json

import numpy as np

from gan_jax import pictures
from gan_jax.explorer import curves

MANIFEST = {
    "measure": "frechet_distance",
    "features": "pixels_8x8",
    "features_fingerprint": "f",
    "resize": "antialiased",
    "quantisation": "uint8",
    "reference": "builtin:mnist:train",
    "reference_split": "as trained",
    "reference_fingerprint": "r",
    "reference_count": 100,
    "samples": 5000,
    "seed": 0,
    "truncation": None,
    "labels": "none",
    "batch_norm": "running",
    "average": True,
    "code": "0.1.0",
    "options": {},
}


def write_lines(path, entries):
    path.write_text("".join(json.dumps(entry) + "\n" for entry in entries))


def measurement(images_seen, value, **changes):
    manifest = MANIFEST | changes
    numbers = dict.fromkeys(("std", "low", "high"))
    made = {"wall_seconds": 1.0, "digest": "d", "time": "now", "host": "here"}
    place = {"step": 1, "images_seen": images_seen}
    return {"value": value, "manifest": manifest} | numbers | place | made


def test_curves_grow_with_the_file(tmp_path):
    assert curves.training_curves(tmp_path) == {}
    path = tmp_path / "metrics.jsonl"
    write_lines(
        path,
        [
            {"step": 0, "images_seen": 0, "name": "config", "text": "a note"},
            {"step": 1, "images_seen": 8, "gen/loss": 0.5, "score/fid": 9.0},
            {"step": 2, "images_seen": 16, "gen/loss": "nan", "disc/loss": 1.5},
        ],
    )
    known = curves.training_curves(tmp_path)
    assert known["gen/loss"] == ("gen/loss", (8,), (0.5,), 1)
    assert known["disc/loss"] == ("disc/loss", (16,), (1.5,), 0)
    with path.open("a") as stream:
        stream.write('{"step": 3, "images_seen": 24, "gen/loss": 0.25}\n{"step": 4, "ima')
    grown = curves.training_curves(tmp_path)["gen/loss"]
    assert (grown.images_seen, grown.values) == ((8, 24), (0.5, 0.25))


def test_losses_and_other_numbers(tmp_path):
    names = ["lr", "score/modes", "gen/loss", "score/frechet_distance/x", "disc/grad_norm"]
    write_lines(
        tmp_path / "metrics.jsonl",
        [{"step": 1, "images_seen": 8} | dict.fromkeys(names, 1)],
    )
    known = curves.training_curves(tmp_path)
    assert curves.losses_of(known) == ["gen/loss"]
    assert curves.others_of(known) == [
        "score/frechet_distance/x",
        "score/modes",
        "disc/grad_norm",
        "lr",
    ]


def test_long_curves_are_thinned_from_their_end(tmp_path):
    entries = [{"step": n, "images_seen": 8 * n, "x": float(n)} for n in range(25)]
    write_lines(tmp_path / "metrics.jsonl", entries)
    thinned = curves.training_curves(tmp_path, points=10)["x"]
    assert thinned.values == (0.0, 3.0, 6.0, 9.0, 12.0, 15.0, 18.0, 21.0, 24.0)
    assert thinned.images_seen == tuple(int(8 * value) for value in thinned.values)
    whole = curves.training_curves(tmp_path, points=25)["x"]
    assert whole.values == tuple(map(float, range(25)))


def test_only_what_was_measured_alike_is_one_curve(tmp_path):
    assert curves.evaluation_curves(tmp_path) == {}
    write_lines(
        tmp_path / "evaluations.jsonl",
        [
            measurement(16, 3.0),
            measurement(8, 4.0),
            measurement(16, 2.5),
            measurement(16, 7.0, samples=100),
            measurement(8, 0.5, measure="recall"),
        ],
    )
    known = curves.evaluation_curves(tmp_path)
    assert {name: each[1:3] for name, each in known.items()} == {
        "frechet_distance/pixels_8x8 (samples 5000)": ((8, 16), (4.0, 2.5)),
        "frechet_distance/pixels_8x8 (samples 100)": ((16,), (7.0,)),
        "recall/pixels_8x8": ((8,), (0.5,)),
    }


def test_the_newest_grid_is_that_of_the_latest_step(tmp_path):
    assert curves.newest_grid(tmp_path) is None
    picture = np.zeros((2, 2, 1), np.uint8)
    for name in ("samples_000000009", "samples_000000100", "other"):
        pictures.save_png(tmp_path / "samples" / f"{name}.png", picture)
    assert curves.newest_grid(tmp_path) == (
        tmp_path / "samples" / "samples_000000100.png",
        100,
    )


def test_the_curves_of_a_run(explorer):
    known = curves.training_curves(explorer.path)
    assert set(curves.losses_of(known)) >= {"disc/loss", "gen/loss"}
    assert known["gen/loss"].images_seen == (32, 64, 96)
    path, step = curves.newest_grid(explorer.path)
    assert (path.parent, step) == (explorer.path / "samples", 12)
