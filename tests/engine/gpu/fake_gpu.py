"""GPUs that are not there: an nvidia-smi that reads its answers from files, and a torch that takes the CPU for one.

Only unit tests may use them. What they cannot show is written in docs/gpu.md.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from grader.engine.sandbox.base import SandboxProfile
from tests.engine.plain_sandbox import PlainBackend, PlainSandbox

MIB = 2**20
FIRST, SECOND = "GPU-11111111-aaaa", "GPU-22222222-bbbb"
_SCRIPT = """#!/bin/sh
state="$(dirname "$0")/state"
echo "$@" >> "$state/asked"
[ -f "$state/sleep" ] && sleep "$(cat "$state/sleep")"
id=""
for word in "$@"; do
    case "$word" in
        -L) cat "$state/list"; exit 0 ;;
        --id=*) id="${word#--id=}" ;;
    esac
done
if [ -n "$id" ]; then
    grep -q "$id" "$state/table" || { echo "Unable to determine the device handle for GPU $id: GPU is lost."; exit 15; }
    grep "$id" "$state/table"
    exit 0
fi
cat "$state/table"
[ ! -f "$state/status" ] || exit "$(cat "$state/status")"
"""


class FakeSmi:
    """An nvidia-smi in a folder of its own; each GPU is a line of its table."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "bin"
        self.state = self.folder / "state"
        self.state.mkdir(parents=True)
        command = self.folder / "nvidia-smi"
        command.write_text(_SCRIPT)
        command.chmod(0o755)
        self._rows: dict[str, list[str]] = {}
        (self.state / "list").write_text("")
        self.has(FIRST)

    def has(
        self, uuid: str, *, total: int = 16_000, used: object = 400, errors: object = 0, mig: str = "Disabled"
    ) -> None:
        """A GPU with so many MiB of memory, of which so many are in use."""
        known = list(self._rows)
        index = known.index(uuid) if uuid in known else len(known)
        self._rows[uuid] = [str(index), uuid, "NVIDIA Pretend", str(total), str(used), str(errors), mig]
        self._write()

    def lose(self, uuid: str) -> None:
        """It falls off the bus."""
        self._rows[uuid] = ["Unable to determine the device handle for GPU0000:3B:00.0: GPU is lost. Reboot the system"]
        self._write()

    def instances(self, text: str) -> None:
        """What `nvidia-smi -L` says."""
        (self.state / "list").write_text(text)

    def hang(self, seconds: float) -> None:
        (self.state / "sleep").write_text(str(seconds))

    def fail(self, status: int) -> None:
        (self.state / "status").write_text(str(status))

    def asked(self) -> list[str]:
        path = self.state / "asked"
        return path.read_text().splitlines() if path.exists() else []

    def _write(self) -> None:
        # Renamed into place: the command may be reading.
        fresh = self.state / "table.new"
        fresh.write_text("".join(", ".join(row) + "\n" for row in self._rows.values()))
        fresh.rename(self.state / "table")


def pretend() -> None:
    """Make torch in this process believe in a GPU, which is the CPU."""
    import torch

    from grader.engine.probe import gpu

    torch.cuda.is_available = lambda: True
    torch.cuda.init = lambda: None
    torch.cuda.empty_cache = lambda: None
    torch.cuda.set_per_process_memory_fraction = lambda share, device: None
    # Not the device that tensors lie on by themselves, so the probe sees two; to torch they are the same.
    gpu.DEVICE = torch.device("cpu", 0)
    os.environ[gpu.VARIABLE] = "0.5"


class FakeGpuBackend(PlainBackend):
    """Plain processes, with a pretended GPU where the profile asks for one.

    `during` is called for each sandbox on a GPU when it starts, and `after` when it is killed.
    """

    name = "docker-fake"

    def __init__(
        self,
        scratch: Path,
        *,
        during: Callable[[PlainSandbox], None] | None = None,
        after: Callable[[PlainSandbox], None] | None = None,
    ) -> None:
        super().__init__(scratch)
        self._during, self._after = during, after
        self.most_on: dict[str, int] = {}

    def start(self, profile: SandboxProfile) -> PlainSandbox:
        if profile.gpu is None:
            return super().start(profile)
        sandbox = _Watched(self._scratch, pretend, self._after)
        self.started.append(sandbox)
        self.profiles.append(profile)
        alive = sum(one.is_alive() for one, its in self._on_gpus() if its.gpu == profile.gpu)
        self.most_on[profile.gpu] = max(self.most_on.get(profile.gpu, 0), alive)
        if self._during is not None:
            self._during(sandbox)
        return sandbox

    def _on_gpus(self) -> list[tuple[PlainSandbox, SandboxProfile]]:
        return [pair for pair in zip(self.started, self.profiles, strict=True) if pair[1].gpu is not None]


class _Watched(PlainSandbox):
    def __init__(
        self, scratch: Path, prepare: Callable[[], None], after: Callable[[PlainSandbox], None] | None
    ) -> None:
        super().__init__(scratch, prepare)
        self._after = after
        self.was_taken = False

    def to_foreground(self) -> None:
        """Whoever leases it, or waits for it, calls this."""
        self.was_taken = True

    def kill(self, *args: object) -> None:
        first = self._reason is None
        super().kill(*args)
        if first and self._after is not None:
            self._after(self)
