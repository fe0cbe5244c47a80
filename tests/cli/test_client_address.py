"""Where the service is, and by which token."""

from __future__ import annotations

import stat

import pytest

from grader.cli.client.address import Address, find_address, read_config, write_config
from grader.domain.errors import BadArguments, NotSignedIn

A, B = "https://a.example.org", "https://b.example.org"


@pytest.fixture
def kept(tmp_path):
    path = tmp_path / "deep" / "config.toml"
    write_config(path, Address(url=A, token='grd_"kept'))
    return {"GRADER_CONFIG": str(path)}


def test_options_come_before_the_environment_and_that_before_the_config(kept):
    assert find_address(None, None, kept) == Address(url=A, token='grd_"kept')
    there = kept | {"GRADER_URL": f"{B}/", "GRADER_TOKEN": "grd_there"}
    assert find_address(None, None, there) == Address(url=B, token="grd_there")
    assert find_address(A, "grd_given", there) == Address(url=A, token="grd_given")


def test_a_kept_token_is_never_sent_to_another_address(kept):
    for given, environment in ((B, kept), (None, kept | {"GRADER_URL": B})):
        with pytest.raises(NotSignedIn, match="no token for https://b"):
            find_address(given, None, environment)


def test_the_file_is_readable_by_its_owner_alone_and_replaces_the_one_before(kept, tmp_path):
    path = tmp_path / "deep" / "config.toml"
    path.chmod(0o644)
    write_config(path, Address(url=B, token="grd_new"))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert read_config(path) == {"url": B, "token": "grd_new"}
    assert [entry.name for entry in path.parent.iterdir()] == ["config.toml"]


@pytest.mark.parametrize("content", ["url = 3", "secret = 'x'", "url ="])
def test_a_strange_file_is_named_and_not_guessed_at(tmp_path, content):
    path = tmp_path / "config.toml"
    path.write_text(content)
    with pytest.raises(BadArguments, match=r"config\.toml"):
        find_address(None, None, {"GRADER_CONFIG": str(path)})


@pytest.mark.parametrize("url", ["example.org", "ftp://example.org", "http://", "http://a:99999", "https://a/?x=1"])
def test_what_is_no_address_is_refused(url, tmp_path):
    with pytest.raises(BadArguments, match="no address"):
        find_address(url, "grd_x", {"GRADER_CONFIG": str(tmp_path / "none")})


@pytest.mark.parametrize("token", ["two words", "grd_é", "grd_\x1b[2J", "  "])
def test_a_token_that_could_not_be_sent_is_refused(token, tmp_path):
    with pytest.raises(BadArguments, match="token"):
        find_address(A, token, {"GRADER_CONFIG": str(tmp_path / "none")})


def test_without_any_address_the_sentence_says_what_to_run(tmp_path):
    with pytest.raises(BadArguments, match="grader login URL"):
        find_address(None, None, {"GRADER_CONFIG": str(tmp_path / "none")})


class TestLogin:
    @pytest.fixture
    def typed(self, monkeypatch):
        import io

        return lambda text: monkeypatch.setattr("sys.stdin", io.StringIO(text))

    def test_a_token_that_works_is_kept_and_used_afterwards(self, grader, service, typed, monkeypatch, tmp_path):
        monkeypatch.delenv("GRADER_URL")
        monkeypatch.delenv("GRADER_TOKEN")
        service.on("GET", "/me", {"id": 1, "email": "ada@example.org", "name": "Ada\x1b[2J", "courses": []})
        service.on("GET", "/tokens", {"items": [], "next_cursor": None})
        typed("grd_good\n")
        status, out, err = grader("login", service.url)
        assert (status, out) == (0, "")
        assert "ada@example.org" in err
        assert "\x1b" not in err
        assert stat.S_IMODE((tmp_path / "config.toml").stat().st_mode) == 0o600
        assert grader("token", "list")[0] == 0

    def test_a_token_that_does_not_work_is_not_kept(self, grader, service, typed, tmp_path):
        typed("grd_bad\n")
        status, _, err = grader("login", service.url)
        assert status == 2
        assert "does not know this token" in err
        assert not (tmp_path / "config.toml").exists()
