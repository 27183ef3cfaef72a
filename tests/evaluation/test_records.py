"""evaluations.jsonl: whole lines, in order, and none of a future that was given up."""

import pytest

from gan_jax.errors import UserError
from gan_jax.evaluation import records
from gan_jax.metrics.manifest import Manifest, Measurement

MANIFEST = Manifest(
    measure="frechet_distance",
    features="pixels_8x8",
    features_fingerprint="f",
    resize="antialiased",
    quantisation="uint8",
    reference="builtin:mnist:train",
    reference_split="as trained",
    reference_fingerprint="r",
    reference_count=10,
    samples=20,
    seed=0,
    truncation=None,
    labels="none",
    batch_norm="running",
    average=True,
    code="0.1.0",
)


def entry(step, value):
    measurement = Measurement(value, MANIFEST, std=0.5)
    return records.make_entry(
        measurement, step=step, images_seen=8 * step, wall=0.5 * step, digest="d"
    )


def test_what_is_added_is_read(tmp_path):
    assert records.read(tmp_path) == []
    first, second, third = entry(1, 3.0), entry(2, 2.0), entry(2, 1.5)
    records.append(tmp_path, [first])
    records.append(tmp_path, [second, third])
    assert records.read(tmp_path) == [first, second, third]
    line = (tmp_path / records.FILE).read_text().splitlines()[0]
    assert line.startswith('{"value": 3.0, ')


def test_later_steps_are_forgotten(tmp_path):
    records.truncate_after(tmp_path, 0)
    assert not (tmp_path / records.FILE).exists()
    entries = [entry(step, float(step)) for step in (1, 2, 3)]
    records.append(tmp_path, entries)
    records.truncate_after(tmp_path, 2)
    assert records.read(tmp_path) == entries[:2]


def test_a_line_that_a_crash_cut_short_is_passed_over(tmp_path):
    records.append(tmp_path, [entry(1, 3.0)])
    with (tmp_path / records.FILE).open("a") as stream:
        stream.write('{"value": 2.0, "manif')
    assert len(records.read(tmp_path)) == 1
    records.append(tmp_path, [entry(2, 2.0)])
    assert [each.step for each in records.read(tmp_path)] == [1, 2]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{nonsense", "line 2, is damaged: "),
        ("[1, 2]", "line 2, is damaged: no JSON object"),
        ('{"value": 1.0}', "line 2: no measurement ('step')"),
    ],
)
def test_a_damaged_line_is_named(tmp_path, line, message):
    records.append(tmp_path, [entry(1, 3.0)])
    path = tmp_path / records.FILE
    path.write_text(path.read_text() + line + "\n")
    with pytest.raises(UserError) as caught:
        records.read(tmp_path)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
