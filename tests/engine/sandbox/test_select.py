from __future__ import annotations

import pytest

from grader.domain.errors import BadArguments, NoSandbox
from grader.engine.sandbox import select
from grader.engine.sandbox.base import Readiness


class Stub:
    def __init__(self, name: str, usable: bool) -> None:
        self.name = name
        self._usable = usable

    def check(self) -> Readiness:
        problems = () if self._usable else ((f"{self.name} is missing", f"install {self.name}"),)
        return Readiness(backend=self.name, usable=self._usable, problems=problems)


@pytest.fixture
def usable(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    names: set[str] = set()
    monkeypatch.setattr(select, "make", lambda name: Stub(name, name in names))
    monkeypatch.delenv("GRADER_SANDBOX", raising=False)
    return names


def test_docker_comes_first_then_bwrap(usable: set[str]) -> None:
    usable |= {"docker", "bwrap"}
    assert select.choose().name == "docker"
    usable.remove("docker")
    assert select.choose().name == "bwrap"


def test_the_name_wins_over_the_variable_and_the_variable_over_the_order(
    usable: set[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    usable |= {"docker", "bwrap"}
    monkeypatch.setenv("GRADER_SANDBOX", "bwrap")
    assert select.choose().name == "bwrap"
    assert select.choose("docker").name == "docker"


def test_none_usable_lists_what_to_install(usable: set[str]) -> None:
    with pytest.raises(NoSandbox, match=r"install docker.*install bwrap"):
        select.choose()


def test_a_named_one_that_is_missing_is_not_replaced(usable: set[str]) -> None:
    usable.add("bwrap")
    with pytest.raises(NoSandbox, match="install docker") as caught:
        select.choose("docker")
    assert "bwrap" not in str(caught.value)


def test_a_name_that_does_not_exist(usable: set[str]) -> None:
    with pytest.raises(BadArguments, match="chroot"):
        select.choose("chroot")


def test_readiness_covers_every_backend(usable: set[str]) -> None:
    assert [readiness.backend for readiness in select.readiness()] == ["docker", "bwrap", "fork"]


def test_the_fork_server_is_taken_by_name_only(usable: set[str], monkeypatch: pytest.MonkeyPatch) -> None:
    usable.add("fork")
    with pytest.raises(NoSandbox, match="install docker"):
        select.choose()
    assert select.choose("fork").name == "fork"
    monkeypatch.setenv("GRADER_SANDBOX", "fork")
    assert select.choose().name == "fork"
