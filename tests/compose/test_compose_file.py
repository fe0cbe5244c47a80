"""docker-compose.yml and docker/make-secrets.sh without starting anything."""

from __future__ import annotations

import os
import stat
import subprocess
from pathlib import Path

import pytest

from tests.compose.conftest import ROOT, compose_command

pytestmark = pytest.mark.docker


def _environment(folder: Path, **more: str) -> dict[str, str]:
    return os.environ | {"SECRETS_FOLDER": str(folder), "ENGINE_GID": "0"} | more


def _make(folder: Path) -> None:
    subprocess.run(["sh", "docker/make-secrets.sh"], cwd=ROOT, env=_environment(folder), check=True)


@pytest.mark.parametrize("profile", [[], ["--profile", "gpu"]])
def test_the_configuration_is_clean(tmp_path: Path, profile: list[str]) -> None:
    folder = tmp_path / "secrets"
    _make(folder)
    done = subprocess.run(
        [*compose_command(), *profile, "config"], cwd=ROOT, env=_environment(folder), capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    # The secrets are named, and nowhere written.
    for secret in folder.iterdir():
        content = secret.read_text().strip()
        assert not content or content not in done.stdout, secret.name


def test_secrets_are_random_made_once_and_behind_a_closed_door(tmp_path: Path) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    _make(one)
    _make(other)
    before = {path.name: path.read_text() for path in one.iterdir()}
    assert set(before) == {
        "database_password", "broker_password", "broker_users", "session_key", "oidc_client_secret", "lti_keys", "object_store",
    }  # fmt: skip
    passwords = {before["database_password"], before["broker_password"], before["session_key"]}
    passwords |= {(other / name).read_text() for name in ("database_password", "broker_password", "session_key")}
    assert len(passwords) == 6
    assert all(len(password) == 43 for password in passwords)
    assert before["broker_password"] not in before["broker_users"]
    assert stat.S_IMODE(one.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in one.iterdir()} == {0o444}
    # What somebody put there stays.
    (one / "object_store").chmod(0o600)
    (one / "object_store").write_text("[default]\n")
    _make(one)
    assert {path.name: path.read_text() for path in one.iterdir()} == before | {"object_store": "[default]\n"}
