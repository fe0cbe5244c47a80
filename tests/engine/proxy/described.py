"""The body with which the real backend asks for a container, and a client that sends whatever it is told to."""

from __future__ import annotations

import copy
import json
import socket
from pathlib import Path
from typing import Any

import docker
from grader.engine.sandbox import seccomp
from grader.engine.sandbox.base import SandboxProfile
from grader.engine.sandbox.docker_settings import container_settings


def body(
    profile: SandboxProfile | None = None, *, image: str = "grader-sandbox:1", runtime: str | None = "runc"
) -> dict[str, Any]:
    """As JSON, not as the SDK's own kinds of dict."""
    api = docker.APIClient(base_url="unix:///nowhere.sock", version="1.41")
    settings = container_settings(
        api, profile or SandboxProfile(), image=image, runtime=runtime, seccomp=seccomp.profile_for(runtime)
    )
    api.close()
    # The SDK leaves out what is not set, at the outermost level.
    config = api.create_container_config(**settings)
    return json.loads(json.dumps({key: value for key, value in config.items() if value is not None}))


def changed(path: str, value: object) -> dict[str, Any]:
    """The body with one value set; a path with a dot goes into HostConfig."""
    made = copy.deepcopy(body())
    part = made
    *outer, last = path.split(".")
    for name in outer:
        part = part[name]
    part[last] = value
    return made


def post(target: str, content: object = None, *headers: str) -> bytes:
    data = b"" if content is None else content if isinstance(content, bytes) else json.dumps(content).encode()
    lines = [f"POST {target} HTTP/1.1", "Host: x", f"Content-Length: {len(data)}", *headers, "", ""]
    return "\r\n".join(lines).encode() + data


def get(target: str, *headers: str, method: str = "GET") -> bytes:
    return "\r\n".join([f"{method} {target} HTTP/1.1", "Host: x", *headers, "", ""]).encode()


def exchange(path: Path, sent: bytes) -> tuple[int, str]:
    """Send the bytes on a connection of their own; status and text of the first answer (0 for none)."""
    with socket.socket(socket.AF_UNIX) as link:
        link.settimeout(10)
        link.connect(str(path))
        link.sendall(sent)
        link.shutdown(socket.SHUT_WR)
        received = b""
        while chunk := link.recv(1 << 16):
            received += chunk
    head, _, rest = received.partition(b"\r\n\r\n")
    return (int(head.split()[1]) if head else 0), rest.decode()
