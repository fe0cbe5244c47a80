from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import typer

from grader.cli.client.address import CONFIG_VARIABLE, TOKEN_VARIABLE, URL_VARIABLE
from grader.cli.exits import DEBUG_VARIABLE
from grader.cli.main import app
from grader.engine.sandbox import select
from grader.formats.jsonreport import to_plain
from grader.specs.load import ROOT_VARIABLE
from tests.report_samples import a_report

PAGE = (Path(__file__).parents[2] / "docs" / "cli.md").read_text(encoding="utf-8")


def commands(group, path=("grader",)):
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from commands(command, (*path, name))
        else:
            yield " ".join((*path, name)), command


COMMANDS = dict(commands(typer.main.get_command(app)))


def section(name):
    heading = next(line for line in PAGE.splitlines() if re.match(rf"## `{name}[ `]", line))
    return PAGE.split(heading)[1].split("\n## ")[0] + heading


def test_there_are_the_commands_we_think_there_are():
    assert set(COMMANDS) == {
        "grader grade", "grader doctor", "grader spec list", "grader spec check", "grader spec calibrate",
        "grader login", "grader submit", "grader status", "grader rerun", "grader gradebook", "grader export",
        "grader statistics", "grader similarity", "grader sheets",
        "grader rubric show", "grader rubric add", "grader rubric change", "grader rubric remove", "grader rubric work",
        "grader rubric next", "grader rubric grade", "grader rubric withdraw", "grader rubric settings", "grader mark",
        "grader draft show", "grader draft save", "grader draft discard", "grader contributions",
        "grader adjust", "grader regrades list", "grader regrades show", "grader regrades ask", "grader regrades withdraw",
        "grader regrades answer", "grader regrades window",
        "grader roster import", "grader roster list", "grader course create", "grader course list", "grader course offer", "grader course gradebook",
        "grader trial list", "grader trial show", "grader trial publish", "grader trial drop",
        "grader choose", "grader extension give", "grader extension list", "grader extension withdraw",
        "grader late-policy show", "grader late-policy set", "grader late-policy reset",
        "grader webhook add", "grader webhook list", "grader webhook remove", "grader webhook enable", "grader webhook test",
        "grader webhook log", "grader mail",
        "grader lti platforms", "grader lti register", "grader lti remove", "grader lti disconnect", "grader lti courses", "grader lti link",
        "grader lti links", "grader lti bind", "grader lti resend", "grader lti new-key",
        "grader user create", "grader user list", "grader user password",
        "grader token create", "grader token list", "grader token revoke",
        "grader up", "grader demo", "grader serve", "grader worker", "grader sweep", "grader db upgrade", "grader db version",
        "grader backup", "grader restore", "grader retention apply", "grader erase-student", "grader export-student",
    }  # fmt: skip


@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_and_each_of_its_options_has_its_words(name):
    words = section(name)
    for parameter in COMMANDS[name].params:
        if parameter.param_type_name == "argument":
            assert parameter.metavar in words
        else:
            for option in parameter.opts:
                assert f"{option} " in words or f"{option}`" in words, f"{name} {option} is not in docs/cli.md"


def test_every_variable_the_command_line_reads_is_listed():
    read = (DEBUG_VARIABLE, ROOT_VARIABLE, select.VARIABLE, select.IMAGE_VARIABLE, select.RUNTIME_VARIABLE,
            URL_VARIABLE, TOKEN_VARIABLE, CONFIG_VARIABLE)  # fmt: skip
    for variable in read:
        assert f"`{variable}`" in PAGE.split("## Environment")[1]


def test_the_json_keys_in_the_page_are_those_that_are_printed():
    words = PAGE.split("### The JSON object")[1].split("### ")[0]

    def keys(value):
        if isinstance(value, dict):
            yield from value
            for inner in value.values():
                yield from keys(inner)
        elif isinstance(value, list):
            for inner in value:
                yield from keys(inner)

    plain = json.loads(json.dumps(to_plain(a_report(), with_file=False)))
    assert {key for key in keys(plain) if f'"{key}"' not in words} == set()
