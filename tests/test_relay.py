"""Lines of one process on their way to the common output."""

from gan_jax.relay import Stream


def test_lines_arrive_whole_and_endless_ones_in_pieces(tmp_path):
    target = tmp_path / "out"
    with target.open("wb") as file:
        stream = Stream(file, file, b"[7] ")
        for data in (b"a\nb", b"c\n", b"\n", b"x" * 70_000, b"y\n", b"tail"):
            stream.feed(data)
        assert target.read_bytes() == b"".join(
            [
                b"[7] a\n",
                b"[7] bc\n",
                b"[7] \n",
                b"[7] " + b"x" * 70_000 + b"\n",
                b"[7] y\n",
            ]
        )
        stream.end()
        stream.end()
    assert target.read_bytes().endswith(b"[7] y\n[7] tail\n")
