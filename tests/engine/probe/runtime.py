"""Drives a probe as a plain subprocess over pipes. Unsandboxed: for tests, with code we wrote ourselves."""

import os
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import torch

from grader.engine.wire.frames import FramePipe
from grader.engine.wire.messages import Kind, receive, send
from grader.engine.wire.tensors import from_data, to_data
from grader.engine.wire.values import TensorData

STAND_IN = Path(__file__).with_name("stand_in.py")
LIMIT = 2**30


def wire(value):
    if isinstance(value, torch.Tensor):
        return to_data(value, max_bytes=LIMIT)
    if isinstance(value, list | tuple):
        return type(value)(wire(item) for item in value)
    if isinstance(value, dict):
        return {key: wire(item) for key, item in value.items()}
    return value


def local(value):
    if isinstance(value, TensorData):
        return from_data(value)
    if isinstance(value, list | tuple):
        return type(value)(local(item) for item in value)
    if isinstance(value, dict):
        return {key: local(item) for key, item in value.items()}
    return value


class Refusal(Exception):
    pass


class Raised(Exception):
    pass


class Probe:
    """A started probe. `ask` gives the OK body with tensors made live, and raises Raised or Refusal with the body."""

    def __init__(self, *, warm=False, command=None):
        to_probe, from_us = os.pipe()
        to_us, from_probe = os.pipe()
        environment = {**os.environ, "GRADER_PROBE_WARM": "1" if warm else "0", "OMP_NUM_THREADS": "1"}
        started = time.monotonic()
        self.process = subprocess.Popen(
            command or [sys.executable, str(STAND_IN)],
            stdin=to_probe,
            stdout=from_probe,
            env=environment,
            pass_fds=(),
        )
        os.close(to_probe)
        os.close(from_probe)
        self.pipe = FramePipe(to_us, from_us)
        self.serial = 0
        self.output = ""
        self.ready = receive(self.pipe, deadline=time.monotonic() + 60)
        self.start_s = time.monotonic() - started

    def send(self, kind, body):
        self.serial += 1
        send(self.pipe, kind, self.serial, wire(body), deadline=time.monotonic() + 60)

    def take(self):
        reply = receive(self.pipe, deadline=time.monotonic() + 60)
        assert reply.serial == self.serial
        self.output = reply.body.pop("output")
        return reply

    def ask(self, asked, /, **body):
        self.send(asked, body)
        return self.answer(self.take())

    def answer(self, reply):
        if reply.kind is Kind.RAISED:
            raise Raised(reply.body)
        if reply.kind is Kind.REFUSED:
            raise Refusal(reply.body)
        assert reply.kind is Kind.OK, reply
        return local(reply.body)

    def load(self, source):
        archive = textwrap.dedent(source).encode()
        return self.ask(
            Kind.LOAD,
            archive=archive,
            name="student.py",
            kind="py",
            entries=[],
            prefer=[],
            starter="",
            starter_names=[],
            statement_s=10.0,
        )

    def call(self, ref, *args, kwargs=None, **options):
        ref = {"name": ref} if isinstance(ref, str) else ref
        if not isinstance(ref, dict):
            ref = {"handle": ref.number}
        return self.ask(Kind.CALL, ref=ref, args=list(args), kwargs=kwargs or {}, **options)

    def value(self, ref, *args, **options):
        return self.call(ref, *args, **options)["value"]

    def refused(self, asked, /, **body):
        try:
            self.ask(asked, **body)
        except Refusal as refusal:
            return refusal.args[0]
        raise AssertionError("it was not refused")

    def raised(self, ref, *args, **options):
        try:
            self.call(ref, *args, **options)
        except Raised as raised:
            return raised.args[0]
        raise AssertionError("nothing was raised")

    def close(self):
        self.pipe.close()
        try:
            return self.process.wait(60)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return self.process.wait()
