"""What student code prints is captured, capped and never in the way."""

import os
from pathlib import Path

import pytest
from runtime import Probe

from grader.engine.wire.messages import Kind

SOURCE = """
import ctypes, os, subprocess, sys, warnings
print("loaded")

def prints():
    print("out", "é")
    print("err", file=sys.stderr)
    sys.stdout.write("no newline")
    sys.stdout.flush()
    sys.__stdout__.write("!")
    return sys.stdin.read()

def low():
    os.write(1, b"one\\n")
    os.write(2, b"two\\n")
    libc = ctypes.CDLL(None)
    libc.printf(b"three\\n")
    subprocess.run(["sh", "-c", "echo four; echo five >&2"])
    subprocess.run(["echo", "six"], stdout=sys.stdout, stderr=sys.stderr)

def much(megabytes):
    print("begin")
    print("x" * (megabytes * 10 ** 6))
    print("end")

def lines(count):
    for number in range(count):
        print("line", number)

def raw(megabytes):
    for _ in range(megabytes):
        os.write(1, b"y" * 10 ** 6)

def closes():
    sys.stdout.close()
    print("still here")

def replaces():
    import io
    sys.stdout = io.StringIO()
    print("gone")

def fails():
    print("before")
    raise ValueError("no")

def plain():
    print("plain")
"""


@pytest.fixture(scope="module")
def probe():
    started = Probe()
    started.load(SOURCE)
    yield started
    assert started.close() == 0


def printed(probe, name, *args):
    probe.value(name, *args)
    return probe.output


def test_prints_come_with_the_reply_and_once():
    probe = Probe()
    probe.load(SOURCE)
    assert probe.output == "loaded\n"
    assert probe.value("prints") == ""
    assert probe.output == "out é\nerr\nno newline!"
    probe.ask(Kind.RELEASE, handles=[])
    assert probe.output == ""
    probe.raised("fails")
    assert probe.output == "before\n"
    probe.close()


def test_below_python(probe):
    assert sorted(printed(probe, "low").split()) == sorted(["one", "two", "three", "four", "five", "six"])


def test_a_print_of_500_mb_is_quick_and_cut(probe):
    before = _cpu_s(probe.process.pid)
    output = printed(probe, "much", 500)
    assert _cpu_s(probe.process.pid) - before < 10
    assert output.startswith("begin\nxxx")
    assert output.endswith("xxx\nend\n")
    assert "bytes left out" in output
    assert len(output) < 66_000


def test_many_lines_and_many_raw_writes_are_cut(probe):
    output = printed(probe, "lines", 200_000)
    assert output.startswith("line 0\n")
    assert output.endswith("line 199999\n")
    assert len(output) < 66_000
    assert "left out" in printed(probe, "raw", 200)
    assert printed(probe, "plain") == "plain\n"


def test_closing_or_replacing_the_stream_does_no_harm(probe):
    assert printed(probe, "closes") == "still here\n"
    printed(probe, "replaces")
    assert printed(probe, "lines", 1) == "line 0\n"
    assert printed(probe, "raw", 1).startswith("yyy")


def _cpu_s(pid: int) -> float:
    """Seconds of a processor that the process has used: how busy others are does not count."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return sum(int(ticks) for ticks in fields[11:13]) / os.sysconf("SC_CLK_TCK")
