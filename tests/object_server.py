"""An S3-compatible store of the tests' own: rclone serving a folder, to be stopped, frozen and started again."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

ACCESS_KEY, SECRET_KEY = "an-access-key", "a-secret-key-of-the-tests"
BUCKET = "bucket"
RCLONE = Path(sys.executable).parent / "rclone"


class ObjectServer:
    """Every bucket is a folder below `folder`; a bucket is there already."""

    def __init__(self, folder: Path, host: str = "127.0.0.1") -> None:
        self.folder = folder
        self.host = host
        self._process: subprocess.Popen[bytes] | None = None
        (folder / BUCKET).mkdir(parents=True)
        with socket.socket() as free:
            free.bind((host, 0))
            self.port: int = free.getsockname()[1]

    @property
    def environment(self) -> dict[str, str]:
        """What a client's environment needs."""
        return {
            "AWS_ENDPOINT_URL_S3": f"http://{self.host}:{self.port}",
            "AWS_ACCESS_KEY_ID": ACCESS_KEY,
            "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
        }

    def start(self) -> None:
        self._process = subprocess.Popen(
            [
                RCLONE, "serve", "s3", "--addr", f"{self.host}:{self.port}", "--auth-key", f"{ACCESS_KEY},{SECRET_KEY}",
                str(self.folder),
            ],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env={"PATH": os.defpath, "RCLONE_CONFIG": "/dev/null"},
        )  # fmt: skip
        ends_at = time.monotonic() + 60
        while True:
            try:
                socket.create_connection((self.host, self.port), 1).close()
            except OSError:
                assert time.monotonic() < ends_at, "rclone does not listen"
                assert self._process.poll() is None, "rclone ended"
                time.sleep(0.02)
            else:
                return

    def stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    @contextmanager
    def away(self):
        """Nobody listens while the block lasts."""
        self.stop()
        try:
            yield
        finally:
            self.start()

    @contextmanager
    def frozen(self):
        """Connections are taken and nothing is answered while the block lasts."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self._process.send_signal(signal.SIGCONT)

    def objects(self) -> list[str]:
        """All there are in the bucket, finished or not."""
        bucket = self.folder / BUCKET
        return sorted(str(path.relative_to(bucket)) for path in bucket.rglob("*") if path.is_file())
