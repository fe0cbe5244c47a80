"""What ideas are built on: a right hand-in, one that is wrong in all but one point, and ways to add to them."""

from __future__ import annotations

import textwrap

RIGHT = """
import torch, torch.nn as nn, torch.nn.functional as F

class Scale(nn.Module):
    def __init__(self, inputs, outputs):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(inputs, outputs))
        self.bias = nn.Parameter(torch.randn(outputs))

    def forward(self, x):
        return x @ self.weight + self.bias

def smooth(x):
    return (x[:-2] + x[1:-1] + x[2:]) / 3

class Net(nn.Module):
    def __init__(self, inputs, classes):
        super().__init__()
        self.first = nn.Linear(inputs, 16)
        self.last = nn.Linear(16, classes)

    def forward(self, x):
        return self.last(torch.relu(self.first(x)))

def setup(model):
    return torch.optim.Adam(model.last.parameters(), lr=0.01)
"""
RIGHT_ANSWERS = {"C.weights": "40"}

# The interface is right, and so is the number of weights. Nothing else is.
WRONG = """
import torch, torch.nn as nn, torch.nn.functional as F

class Scale(nn.Module):
    def __init__(self, inputs, outputs):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(inputs, outputs))
        self.bias = nn.Parameter(torch.ones(outputs))
        self.outputs = outputs

    def forward(self, x):
        return torch.full((len(x), self.outputs), 0.5, dtype=x.dtype) + 0 * x.sum()

def smooth(x):
    return torch.zeros(len(x) - 2)

class Net(nn.Module):
    def __init__(self, inputs, classes):
        super().__init__()
        self.first = nn.Linear(inputs, 16)
        self.last = nn.Linear(16, classes)
        self.classes = classes

    def forward(self, x):
        return torch.zeros(len(x), self.classes) + 0 * self.last.bias

def setup(model):
    return torch.optim.Adam(model.parameters(), lr=0.01)
"""


def wrong(source: str) -> str:
    """`WRONG`, and then `source`, whose definitions win."""
    return WRONG + textwrap.dedent(source)


def right(source: str) -> str:
    """`RIGHT`, and then `source`, whose definitions win."""
    return RIGHT + textwrap.dedent(source)


def in_forward(source: str) -> str:
    """`RIGHT` with `source` run in each forward pass of Scale, where nothing that loading may leave out is left out."""
    return (
        RIGHT
        + "\ndef attempt():\n"
        + textwrap.indent(textwrap.dedent(source).strip("\n"), "    ")
        + textwrap.dedent("""

    class Scale(Scale):
        def forward(self, x):
            attempt()
            return super().forward(x)
    """)
    )


def in_count(source: str) -> str:
    """`RIGHT` with `source` run where the layer of `A.count` is made, the check that has the least time."""
    made = textwrap.indent(textwrap.dedent(source).strip("\n"), "    ")
    return (
        RIGHT
        + "\ndef attempt():\n"
        + made
        + textwrap.dedent("""

    class Scale(Scale):
        def __init__(self, inputs, outputs):
            super().__init__(inputs, outputs)
            attempt()
    """)
    )


# Tries each of a list of (what, function), and says how each ended.
TRY_EACH = """
def try_each(*attempts):
    for what, attempt in attempts:
        try:
            got = attempt()
        except BaseException as error:
            print("REFUSED", what, type(error).__name__)
        else:
            print("DONE", what, repr(got)[:200])
"""
# Calls the kernel by number; raises OSError where it says no.
SYSCALL = (
    TRY_EACH
    + """
def syscall(number, *arguments):
    import ctypes, os
    libc = ctypes.CDLL(None, use_errno=True)
    libc.syscall.restype = ctypes.c_long
    result = libc.syscall(ctypes.c_long(number), *(ctypes.c_long(one) if isinstance(one, int) else one for one in arguments))
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result
"""
)
# Finds the probe's own server in the frames below, and writes bytes of one's own as its answer to the present request.
RAW = """
def server():
    import sys
    frame = sys._getframe()
    while frame:
        owner = frame.f_locals.get("self")
        if type(owner).__name__ == "Server" and "request" in frame.f_locals:
            return owner, frame.f_locals["request"]
        frame = frame.f_back

def raw(header, payload=b"", header_length=None, payload_length=None):
    import os, struct
    owner, request = server()
    serial = request.serial
    fd = owner._pipe._write_fd
    lengths = (len(header) if header_length is None else header_length, len(payload) if payload_length is None else payload_length)
    data = struct.pack(">2sBBIIQ", b"GW", 65, 0, serial, *lengths) + header + payload
    os.set_blocking(fd, True)
    while data:
        data = data[os.write(fd, data):]
"""
