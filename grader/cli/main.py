"""The command `grader`. Commands import what they need when they run, so that `--help` answers at once."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

import typer

from grader.cli import demo, doctor, grade, spec
from grader.cli.client import (
    adjust,
    contributions,
    courses,
    drafts,
    gradebook,
    late,
    login,
    lti,
    notices,
    people,
    regrades,
    rerun,
    roster,
    rubric,
    statistics,
    submit,
    tokens,
    trials,
)
from grader.cli.exits import tell
from grader.cli.host import backup, personal, services, sheets, similarity, up
from grader.domain.errors import BadArguments
from grader.kit.environment import unknown_variables

app = typer.Typer(
    name="grader",
    help="Grades PyTorch assignments: hidden checks outside, student code inside a sandbox.",
    no_args_is_help=True,
    # One sentence instead of a traceback is this module's own business.
    pretty_exceptions_enable=False,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
_HERE, _CLIENT, _SERVICE = "On this machine", "With a service", "Running a service"
for _name, _command, _panel in (
    ("grade", grade.grade, _HERE),
    ("doctor", doctor.doctor, _HERE),
    ("login", login.login, _CLIENT),
    ("submit", submit.submit, _CLIENT),
    ("status", submit.status, _CLIENT),
    ("rerun", rerun.rerun, _CLIENT),
    ("gradebook", gradebook.gradebook, _CLIENT),
    ("export", gradebook.export, _CLIENT),
    ("choose", late.choose, _CLIENT),
    ("contributions", contributions.contributions, _CLIENT),
    ("adjust", adjust.adjust, _CLIENT),
    ("mark", rubric.mark, _CLIENT),
    ("statistics", statistics.statistics, _CLIENT),
    ("mail", notices.mail, _CLIENT),
    ("up", up.up, _SERVICE),
    ("demo", demo.demo, _SERVICE),
    ("serve", services.serve, _SERVICE),
    ("worker", services.worker, _SERVICE),
    ("sweep", services.sweep, _SERVICE),
    ("backup", backup.backup, _SERVICE),
    ("restore", backup.restore, _SERVICE),
    ("similarity", similarity.similarity, _SERVICE),
    ("sheets", sheets.sheets, _SERVICE),
    ("export-student", personal.export_student, _SERVICE),
    ("erase-student", personal.erase_student, _SERVICE),
):
    app.command(_name, rich_help_panel=_panel)(_command)
courses.app.command("gradebook")(gradebook.term)
app.add_typer(spec.app, name="spec", rich_help_panel=_HERE)
app.add_typer(roster.app, name="roster", rich_help_panel=_CLIENT)
app.add_typer(rubric.app, name="rubric", rich_help_panel=_CLIENT)
app.add_typer(drafts.app, name="draft", rich_help_panel=_CLIENT)
app.add_typer(regrades.app, name="regrades", rich_help_panel=_CLIENT)
app.add_typer(trials.app, name="trial", rich_help_panel=_CLIENT)
app.add_typer(courses.app, name="course", rich_help_panel=_CLIENT)
app.add_typer(late.extensions_app, name="extension", rich_help_panel=_CLIENT)
app.add_typer(late.policy_app, name="late-policy", rich_help_panel=_CLIENT)
app.add_typer(notices.app, name="webhook", rich_help_panel=_CLIENT)
app.add_typer(lti.app, name="lti", rich_help_panel=_CLIENT)
app.add_typer(people.app, name="user", rich_help_panel=_CLIENT)
app.add_typer(tokens.app, name="token", rich_help_panel=_CLIENT)
app.add_typer(personal.retention_app, name="retention", rich_help_panel=_SERVICE)
app.add_typer(services.db_app, name="db", rich_help_panel=_SERVICE)


def run(arguments: Sequence[str] | None = None) -> int:
    """Run one command line; its exit status."""
    try:
        _refuse_unknown_settings(sys.argv[1:] if arguments is None else arguments)
        app(args=None if arguments is None else list(arguments), prog_name="grader")
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    except Exception as error:
        return tell(error)
    return 0


def main() -> None:
    sys.exit(run())


def _refuse_unknown_settings(arguments: Sequence[str]) -> None:
    """A misspelt setting would otherwise be one that silently does nothing. The doctor says so among all the rest."""
    if "doctor" not in arguments[:1] and (sentences := unknown_variables(os.environ)):
        raise BadArguments(sentences[0])


if __name__ == "__main__":
    main()
