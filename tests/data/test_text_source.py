"""Texts from files: examples, splits, vocabularies, and what is refused."""

import numpy as np
import pytest

from gan_jax.data import DataError, Subset, check, make_pipeline, open_source, validate
from gan_jax.data.protocol import shape_of
from gan_jax.data.text_source import LONGEST


@pytest.fixture
def write(tmp_path):
    """`write(name, content)`: a file; bytes as they are."""

    def one(name, content):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return one


def lines_of(source):
    return source.vocabulary.decode(source.arrays["image"])


def complaint(spec):
    with pytest.raises(DataError) as error:
        open_source(spec)
    assert "\n" not in str(error.value)
    return str(error.value)


def test_lines_are_examples(write):
    path = write("names.txt", "\ufeffabba\r\n\n  bé a \ncab")
    source = open_source(f"text:{path}:all")
    assert source.vocabulary.symbols == (" ", "a", "b", "c", "é")
    assert source[1]["image"].tolist() == [3, 5, 1, 2]
    assert source[2]["image"].tolist() == [4, 2, 3, 0]
    assert source[0]["image"].dtype == np.int32
    assert lines_of(source) == ["abba", "bé a", "cab"]
    assert source.element_name(1) == f"{path} line 3"
    assert shape_of(source, source[0]["image"].shape) == (4, 6)
    assert (source.num_classes, source.class_names) == (None, None)


def test_words(write):
    path = write("poems.txt", "to be\nor  not\nto be or\n")
    source = open_source(f"words:{path}:all")
    assert source.vocabulary.symbols == ("be", "not", "or", "to")
    assert source.arrays["image"].tolist() == [[4, 1, 0], [3, 2, 0], [4, 1, 3]]
    assert lines_of(source)[1] == "or not"


def test_a_file_holds_a_tenth_out(write):
    lines = [f"line {i}" for i in range(1000)]
    path = write("all.txt", "\n".join([*lines, *lines]))
    train, test, whole = (open_source(f"text:{path}{s}") for s in ("", ":test", ":all"))
    assert not set(lines_of(train)) & set(lines_of(test))
    assert sorted(lines_of(train) + lines_of(test)) == sorted(lines_of(whole))
    # Binomial: mean 100, standard deviation 9.5; equal lines are held out together.
    assert len(test) % 2 == 0
    assert abs(len(test) / 2 - 100) < 40
    assert train.vocabulary == test.vocabulary
    assert train.arrays["image"].shape[1] == test.arrays["image"].shape[1] == 8
    assert "unknown split of text:" in complaint(f"text:{path}:valid")


def test_a_folder_has_a_file_for_every_split(write, tmp_path):
    write("train.txt", "abc\nba\n")
    write("test.txt", "cabba\n")
    write("README.txt", "not a split: ignored")
    train = open_source(f"text:{tmp_path}")
    test = open_source(f"text:{tmp_path}:test")
    assert (train.name, test.name) == (f"text:{tmp_path}:train", f"text:{tmp_path}:test")
    assert train.arrays["image"].tolist() == [[1, 2, 3, 0, 0], [2, 1, 0, 0, 0]]
    assert lines_of(test) == ["cabba"]
    assert "has no file val.txt; its files of splits: test.txt, train.txt" in complaint(
        f"text:{tmp_path}:val"
    )


def test_a_given_vocabulary_keeps_its_order(write, tmp_path):
    write("train.txt", "ab ba\n")
    write("vocabulary.txt", "b\n \na\nz\n")
    source = open_source(f"text:{tmp_path}")
    assert source.vocabulary.symbols == ("b", " ", "a", "z")
    assert source.arrays["image"].tolist() == [[3, 1, 2, 1, 3]]


def test_unknown_symbols_are_named(write, tmp_path):
    write("train.txt", "ab\nba\n")
    write("test.txt", "ab\n\nabc\n")
    expected = f"{tmp_path}/test.txt line 3: the symbol 'c' is not in {tmp_path}/train.txt"
    assert complaint(f"text:{tmp_path}:test").startswith(expected)
    write("vocabulary.txt", "a\n")
    expected = f"{tmp_path}/train.txt line 1: the symbol 'b' is not in {tmp_path}/vocab"
    assert complaint(f"text:{tmp_path}").startswith(expected)


@pytest.mark.parametrize(
    ("symbols", "said"),
    [("ab\n", "'ab' is not one character; give one a line"), ("a\na\n", "holds 'a' twice")],
)
def test_bad_vocabularies(write, tmp_path, symbols, said):
    write("train.txt", "ab\n")
    write("vocabulary.txt", symbols)
    assert said in complaint(f"text:{tmp_path}")


def test_bad_files(write, tmp_path):
    assert complaint("text:/nowhere").startswith("text:/nowhere: no such file or folder")
    path = write("empty.txt", "\n  \n")
    assert complaint(f"text:{path}") == f"text:{path} holds no lines"
    path = write("latin.txt", b"abc\ncaf\xe9\n")
    said = f"{path} line 2 is not UTF-8 (its byte 4); convert the file"
    assert complaint(f"text:{path}") == said
    path = write("long.txt", "a\n" + "b" * (LONGEST + 1))
    assert complaint(f"text:{path}").startswith(f"{path} line 2 has 4097 symbols, more")
    write("folder/test.txt", "a\n")
    said = f"text:{tmp_path}/folder has neither train.txt nor vocabulary.txt; add one"
    assert complaint(f"text:{tmp_path}/folder:test") == said
    path = write("few.txt", "a\n")
    assert "has no lines of the split" in complaint(f"text:{path}:test")


def test_texts_are_not_joined(write):
    path = write("few.txt", "ab\n")
    spec = f"text:{path}:all"
    for kind in ("domains", "pairs"):
        assert "holds text, which cannot be joined" in complaint(f"{kind}:{spec}+{spec}")


def test_batches_are_filled_up_and_a_function_of_the_position(write):
    path = write("names.txt", "\n".join(["ab", "b", "aab"] * 5))
    source = open_source(f"text:{path}:all")
    pipeline = make_pipeline(source, image_shape=(5, 3), batch_size=4, seed=3)
    first = pipeline.rounds(0, 6)["image"]
    assert (first.shape, first.dtype) == ((6, 4, 5), np.int32)
    assert not first[..., 3:].any()
    np.testing.assert_array_equal(pipeline.rounds(4, 2)["image"], first[4:])
    with pytest.raises(DataError, match=r"line 3 has 3 symbols but image_shape allows 2"):
        make_pipeline(source, image_shape=(2, 3), batch_size=4, seed=3)


def test_shapes_are_compared(write):
    source = open_source(f"text:{write('names.txt', 'ab')}:all")
    check(source, image_shape=(2, 3))
    kind = r"holds examples of shape \(2, 3\) \(length, tokens\) but image_shape is "
    for shape in ((2, 4), (2,), (2, 3, 1)):
        with pytest.raises(DataError, match=kind):
            check(source, image_shape=shape)


def test_a_report(write):
    path = write("names.txt", "ab\nb\nab\n")
    source = open_source(f"text:{path}:all")
    report = validate(source, image_shape=(2, 3))
    assert report.ok
    assert report.shapes == {"2": 2, "1": 1}
    assert (report.tokens, report.channels) == (3, {})
    (twins,) = report.duplicates
    assert [name.rpartition(" ")[2] for name in twins] == ["1", "3"]
    assert "vocabulary: 3 with the end" in report.to_text()
    (problem,) = validate(source, image_shape=(2, 9)).problems
    assert problem.endswith("but image_shape is (2, 9); set image_shape to (2, 3)")


def test_fingerprints_are_of_content_and_symbols(write):
    texts = {"a": "ab\nba", "b": "ab\r\n\nba\n", "c": "cd\ndc", "d": "ab"}
    specs = [f"text:{write(f'{n}.txt', text)}:all" for n, text in texts.items()]
    one, same, other, fewer = (open_source(spec).fingerprint() for spec in specs)
    assert one == same
    assert len({one, other, fewer}) == 3


def test_a_subset_keeps_the_vocabulary():
    names = open_source("builtin:names_female:test")
    few = Subset(names, [3, 1])
    assert lines_of(few) == [lines_of(names)[3], lines_of(names)[1]]


def test_built_in_names():
    sizes = {"names_female": (4275, 11), "names_last": (88799, 13)}
    for name, (count, length) in sizes.items():
        train, test, whole = (
            open_source(f"builtin:{name}:{split}") for split in ("train", "test", "all")
        )
        assert len(whole) == count
        assert len(test) == count // 10
        assert len(train) + len(test) == count
        assert train.arrays["image"].shape[1] == test.arrays["image"].shape[1] == length
        assert train.vocabulary.size == 27
        assert not set(lines_of(train)) & set(lines_of(test))
    assert lines_of(open_source("builtin:names_female"))[:2] == ["MARY", "PATRICIA"]
    # The tenth of the file.
    assert lines_of(test)[0] == "TAYLOR"
    assert test.element_name(0) == "names_last.txt line 10"
