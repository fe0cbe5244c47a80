"""The prefix is frozen, and nothing a peer writes raises anything but WireError or costs memory before it arrives."""

import os
import struct
import threading
import time
import tracemalloc

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grader.engine.wire.frames import Frame, FrameLimits, FramePipe, WireClosed, WireError, WireTimeout
from grader.engine.wire.messages import PROTOCOL_VERSION, Kind, parse, receive, send


@pytest.fixture
def ends():
    read_fd, peer_write = os.pipe()
    peer_read, write_fd = os.pipe()
    ours = FramePipe(read_fd, write_fd, FrameLimits(header_bytes=1000, payload_bytes=10_000_000))
    theirs = FramePipe(peer_read, peer_write)
    yield ours, theirs, peer_write
    ours.close()
    theirs.close()


def soon(seconds=5.0):
    return time.monotonic() + seconds


def test_the_protocol_is_frozen():
    assert PROTOCOL_VERSION == 1
    assert {kind.name: int(kind) for kind in Kind} == {
        "LOAD": 1, "RESOLVE": 2, "GET": 3, "SET": 4, "CALL": 5, "VJP": 6, "DESCRIBE": 7, "STATE_DICT": 8,
        "LOAD_STATE_DICT": 9, "TRACE": 10, "FIT": 11, "PREDICT": 12, "REPLAY": 13, "MATCH_PARAMETERS": 14,
        "SCRIPT": 15, "DOCUMENT": 16, "ANSWERS": 17, "CELL": 18, "SUPPORT": 19, "RELEASE": 20,
        "GO_ON": 32, "STOP": 33, "READY": 64, "OK": 65, "RAISED": 66, "REFUSED": 67, "EVENT": 68,
    }  # fmt: skip


def test_the_prefix_is_frozen(ends):
    ours, theirs, _ = ends
    ours.write(5, 7, b"head", [b"pay", memoryview(b"load")])
    raw = os.read(theirs.fileno(), 100)
    assert raw == b"GW\x05\x00" + b"\x00\x00\x00\x07" + b"\x00\x00\x00\x04" + b"\x00" * 7 + b"\x07" + b"headpayload"


def test_frames_and_messages_go_there_and_back(ends):
    ours, theirs, _ = ends
    ours.write(5, 7, b"head", [b"pay", b"", memoryview(b"load")])
    assert theirs.read(deadline=soon()) == Frame(5, 7, b"head", bytearray(b"payload"))
    send(theirs, Kind.OK, 2**32 + 3, {"a": [1, (2, None)]})
    message = receive(ours, deadline=soon())
    assert (message.kind, message.serial, message.body) == (Kind.OK, 3, {"a": [1, (2, None)]})
    assert "OK" in repr(message)


def test_a_large_frame_passes_through_a_small_pipe(ends):
    ours, theirs, _ = ends
    payload = os.urandom(3_000_000)
    writer = threading.Thread(target=theirs.write, args=(1, 1, b"", [payload]))
    writer.start()
    frame = ours.read(deadline=soon(20))
    writer.join()
    assert frame.payload == payload


@settings(deadline=None)
@given(st.binary(max_size=200))
def test_hostile_bytes_raise_only_wire_errors(raw):
    read_fd, peer = os.pipe()
    pipe = FramePipe(read_fd, os.dup(read_fd))
    os.write(peer, raw)
    os.close(peer)
    try:
        parse(pipe.read(deadline=soon()))
    except WireError:
        pass
    finally:
        pipe.close()


@pytest.mark.parametrize("lengths", [(1001, 0), (0, 10_000_001), (2**32 - 1, 2**64 - 1)])
def test_lengths_over_the_caps_are_refused(ends, lengths):
    ours, _, peer_write = ends
    os.write(peer_write, struct.pack(">2sBBIIQ", b"GW", 1, 0, 1, *lengths))
    with pytest.raises(WireError, match="over the limit"):
        ours.read(deadline=soon())


def test_a_lying_length_costs_no_memory(ends):
    ours, _, peer_write = ends
    os.write(peer_write, struct.pack(">2sBBIIQ", b"GW", 1, 0, 1, 0, 10_000_000) + b"few")
    tracemalloc.start()
    with pytest.raises(WireTimeout):
        ours.read(deadline=soon(0.1))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    # One read's buffer, not the ten megabytes promised.
    assert peak < 3_000_000


def test_a_silent_a_closed_and_a_full_pipe(ends):
    ours, theirs, peer_write = ends
    with pytest.raises(WireTimeout):
        ours.read(deadline=soon(0.05))
    with pytest.raises(WireTimeout):
        ours.write(1, 1, b"", [bytes(5_000_000)], deadline=soon(0.05))
    os.write(peer_write, b"GW")
    theirs.close()
    with pytest.raises(WireClosed):
        ours.read(deadline=soon())
    with pytest.raises(WireClosed):
        ours.write(1, 1, b"")
    theirs.close()


def test_a_peer_that_drips_does_not_hold_us_beyond_the_deadline(ends):
    ours, _, peer_write = ends
    stop = threading.Event()

    def drip():
        os.write(peer_write, struct.pack(">2sBBIIQ", b"GW", 1, 0, 1, 0, 1_000_000))
        for _ in range(6000):
            os.write(peer_write, b"x")
            if stop.wait(0.01):
                return

    dripping = threading.Thread(target=drip)
    dripping.start()
    with pytest.raises(WireTimeout):
        ours.read(deadline=soon(0.2))
    assert dripping.is_alive(), "it was the deadline that ended the wait, while bytes still came"
    stop.set()
    dripping.join()


@pytest.mark.parametrize(
    ("frame", "words"),
    [
        (Frame(99, 1, b"\x80", b""), "no message of kind"), (Frame(65, 1, b"\x90", b""), "not a dictionary"),
        (Frame(65, 1, b"\x81\x01\x02", b""), "text keys"), (Frame(65, 1, b"", b""), "msgpack"),
        (Frame(65, 1, b"\x80\x80", b""), "msgpack"), (Frame(65, 1, b"\x80", b"x"), "belong to no tensor"),
    ],
)  # fmt: skip
def test_frames_that_are_no_message(frame, words):
    with pytest.raises(WireError, match=words):
        parse(frame)
