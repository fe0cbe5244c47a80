"""The command `grader`. Commands import what they need when they run, so that `--help` answers at once."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import typer

from grader.cli import demo, doctor, grade, spec
from grader.cli.exits import tell

app = typer.Typer(
    name="grader",
    help="Grades PyTorch assignments: hidden checks outside, student code inside a sandbox.",
    no_args_is_help=True,
    # One sentence instead of a traceback is this module's own business.
    pretty_exceptions_enable=False,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("grade")(grade.grade)
app.command("demo")(demo.demo)
app.command("doctor")(doctor.doctor)
app.add_typer(spec.app, name="spec")


def run(arguments: Sequence[str] | None = None) -> int:
    """Run one command line; its exit status."""
    try:
        app(args=None if arguments is None else list(arguments), prog_name="grader")
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    except Exception as error:
        return tell(error)
    return 0


def main() -> None:
    sys.exit(run())
