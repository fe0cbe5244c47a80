"""What nvidia-smi says of this machine's GPUs: the host's word, in which no sandbox has a part.

The command comes with the driver, and the container toolkit puts it into a worker's container, so nothing is to be
installed for it. A driver in trouble lets it hang or fail, which is an answer too.
"""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass, replace
from typing import NamedTuple

from grader.domain.errors import SetupError

COMMAND = "nvidia-smi"
# It takes a second where the driver is not kept loaded (persistence mode), and for ever where the driver is stuck.
ANSWER_S = 30.0
_FIELDS = "index,uuid,name,memory.total,memory.used,ecc.errors.uncorrected.volatile.total,mig.mode.current"
_INSTANCE = re.compile(r"^\s+MIG\s+(?P<profile>\S+)\s+Device\s+(?P<number>\d+):\s+\(UUID:\s+(?P<uuid>MIG-[^)\s]+)\)")
_PARENT = re.compile(r"^GPU\s+\d+:.*\(UUID:\s+(?P<uuid>GPU-[^)\s]+)\)")
_GIGABYTES = re.compile(r"(\d+)gb")
MIB = 2**20


class NoAnswer(SetupError):
    """nvidia-smi says nothing about the GPUs of this machine."""

    code = "no-gpu-answer"


@dataclass(frozen=True, slots=True, kw_only=True)
class Gpu:
    """A GPU, or an instance of one that is divided by MIG.

    `uuid` names it for the engine; `index` is nvidia-smi's number, of an instance "0:1". `used_bytes` is what is in use
    now and `ecc_errors` the uncorrected memory errors since the driver was loaded, None where it cannot be told (both
    of an instance: its `parent` is asked).
    """

    index: str
    uuid: str
    name: str
    memory_bytes: int
    used_bytes: int | None = None
    ecc_errors: int | None = None
    parent: str = ""


class Found(NamedTuple):
    """The GPUs that can be trained on, and what is wrong, each problem with what to do about it."""

    gpus: tuple[Gpu, ...] = ()
    problems: tuple[tuple[str, str], ...] = ()


def found() -> Found:
    """The GPUs of this machine; of one that is divided, its instances in its place."""
    gpus: list[Gpu] = []
    listed: list[tuple[Gpu, bool]] = []
    problems: list[tuple[str, str]] = []
    try:
        done = _run(f"--query-gpu={_FIELDS}", "--format=csv,noheader,nounits")
    except NoAnswer as error:
        return Found(problems=((str(error), "install NVIDIA's driver, or mend it: run nvidia-smi by hand"),))
    for line in done.stdout.splitlines():
        try:
            listed.append(_read(line))
        except NoAnswer as error:
            # One GPU that fell off the bus takes no others with it.
            problems.append((str(error), "run nvidia-smi by hand; a GPU that is lost needs a restart of the machine"))
    instances = _instances() if any(is_divided for _, is_divided in listed) else {}
    for gpu, is_divided in listed:
        if not is_divided:
            gpus.append(gpu)
            continue
        own = instances.get(gpu.uuid, [])
        if not own:
            made = "make some (nvidia-smi mig -cgi ... -C), or switch MIG off (nvidia-smi -mig 0)"
            problems.append((f"GPU {gpu.index} is in MIG mode and has no instances", made))
        gpus += [replace(one, index=f"{gpu.index}:{one.index}", name=f"{gpu.name} {one.name}") for one in own]
    if not listed and not problems:
        problems.append(("nvidia-smi lists no GPU", "look into the kernel's log (dmesg) for lines of NVRM"))
    return Found(tuple(gpus), tuple(problems))


def reading(gpu: Gpu) -> Gpu:
    """The same GPU as it is now.

    Raises:
        NoAnswer: it is not there any more, or its driver does not answer.

    """
    if gpu.parent:
        if not any(one.uuid == gpu.uuid for one in _instances().get(gpu.parent, [])):
            raise NoAnswer(f"the MIG instance {gpu.uuid} is not there any more")
        return replace(gpu, ecc_errors=_alone(gpu.parent).ecc_errors)
    return _alone(gpu.uuid)


def _alone(uuid: str) -> Gpu:
    lines = _ask(f"--id={uuid}", f"--query-gpu={_FIELDS}", "--format=csv,noheader,nounits").splitlines()
    for line in lines:
        gpu, _ = _read(line)
        if gpu.uuid == uuid:
            return gpu
    raise NoAnswer(f"nvidia-smi knows no GPU {uuid} any more")


def _instances() -> dict[str, list[Gpu]]:
    """MIG instances by the UUID of the GPU they are part of. Their memory is what their profile is called after."""
    parent, instances = "", dict[str, list[Gpu]]()
    for line in _ask("-L").splitlines():
        if started := _PARENT.match(line):
            parent = started["uuid"]
        elif (seen := _INSTANCE.match(line)) and parent:
            size = _GIGABYTES.search(seen["profile"])
            instance = Gpu(
                index=seen["number"], uuid=seen["uuid"], name=f"MIG {seen['profile']}", parent=parent,
                memory_bytes=int(size[1]) * 10**9 if size else 0,
            )  # fmt: skip
            instances.setdefault(parent, []).append(instance)
    return instances


def _read(line: str) -> tuple[Gpu, bool]:
    """One line of the table, and whether that GPU is divided."""
    fields = [field.strip() for field in line.split(",")]
    if len(fields) != len(_FIELDS.split(",")) or not fields[1].startswith("GPU-"):
        # In the place of a GPU's line stands what is wrong with it.
        raise NoAnswer(f"nvidia-smi said: {line.strip()[:200]}")
    index, uuid, name, total, used, errors, mig = fields
    memory, in_use = _number(total), _number(used)
    gpu = Gpu(
        index=index, uuid=uuid, name=name, memory_bytes=(memory or 0) * MIB,
        used_bytes=None if in_use is None else in_use * MIB, ecc_errors=_number(errors),
    )  # fmt: skip
    return gpu, mig == "Enabled"


def _number(text: str) -> int | None:
    """None for `[N/A]`, `[Not Supported]`, `[GPU is lost]` and the like."""
    return int(text) if text.isdecimal() else None


def _ask(*arguments: str) -> str:
    done = _run(*arguments)
    if done.returncode != 0:
        said = " ".join((done.stdout + " " + done.stderr).split())
        raise NoAnswer(f"nvidia-smi failed with status {done.returncode} ({said[:300] or 'it said nothing'})")
    return done.stdout


def _run(*arguments: str) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(  # the operator's own PATH, as in every command of an operator
            [COMMAND, *arguments], capture_output=True, text=True, timeout=ANSWER_S, check=False, errors="replace"
        )
    except FileNotFoundError as error:
        raise NoAnswer("there is no nvidia-smi on this machine") from error
    except OSError as error:
        raise NoAnswer(f"nvidia-smi cannot be run ({error.strerror})") from error
    except subprocess.TimeoutExpired as error:
        raise NoAnswer(f"nvidia-smi did not answer within {ANSWER_S:g} s; the driver is stuck") from error
