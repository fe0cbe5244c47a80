from __future__ import annotations

import os
import socket
import struct
import threading

from hypothesis import given
from hypothesis import strategies as st

from grader.engine.sandbox.relay import Relay, StreamSplitter
from grader.engine.sandbox.stderr_tail import KEPT_BYTES, StderrTail

# Generous: it bounds what has to happen, and is no measurement.
PATIENCE_S = 60.0


def framed(stream: int, data: bytes) -> bytes:
    return struct.pack(">BxxxL", stream, len(data)) + data


@given(
    pieces=st.lists(st.tuples(st.sampled_from([1, 2]), st.binary(max_size=40)), max_size=12),
    cuts=st.lists(st.integers(1, 9), min_size=1, max_size=30),
)
def test_any_cutting_of_the_stream_gives_the_same_bytes(pieces: list[tuple[int, bytes]], cuts: list[int]) -> None:
    data = b"".join(framed(*piece) for piece in pieces)
    splitter, got, turn = StreamSplitter(), {1: b"", 2: b""}, 0
    while data:
        size = cuts[turn % len(cuts)]
        for stream, piece in splitter.feed(data[:size]):
            got[stream] += bytes(piece)
        data, turn = data[size:], turn + 1
    assert got == {stream: b"".join(data for number, data in pieces if number == stream) for stream in (1, 2)}


def relay() -> tuple[Relay, socket.socket, StderrTail]:
    ours, engine = socket.socketpair()
    tail = StderrTail()
    return Relay(ours.detach(), tail), engine, tail


def test_output_to_the_pipe_and_error_to_the_tail_then_end_of_file() -> None:
    made, engine, tail = relay()
    with engine:
        engine.sendall(framed(1, b"frame") + framed(2, b"warning") + framed(1, b"s"))
    made.join(PATIENCE_S)
    assert not made.is_open()
    assert os.read(made.read_fd, 100) == b"frames"
    assert os.read(made.read_fd, 100) == b""
    assert tail.text() == "warning"
    made.stop()
    os.close(made.read_fd)


def test_what_nobody_reads_stays_with_the_engine() -> None:
    made, engine, _ = relay()
    sent = 0
    with engine:
        engine.settimeout(0.3)
        piece = framed(1, bytes(1 << 16))
        try:
            while sent < 1 << 26:
                sent += engine.send(piece)
        except TimeoutError:
            pass
        assert sent < 1 << 22
        stopping = threading.Thread(target=made.stop)
        stopping.start()
        stopping.join(PATIENCE_S)
        assert not stopping.is_alive(), "it waits for somebody who reads"
    os.close(made.read_fd)


def test_the_tail_keeps_the_end() -> None:
    tail = StderrTail()
    for number in range(5000):
        tail.add(b"%06d\n" % number)
    assert len(tail.text()) == KEPT_BYTES
    assert tail.text().endswith("004999\n")


def test_bytes_that_are_no_text_do_no_harm() -> None:
    tail = StderrTail()
    tail.add(b"\xff\xfe ok")
    assert tail.text().endswith(" ok")
