"""REPLAY: a function or some cells of the submission run while named things are intercepted.

Cells run in a namespace of their own, as it stood before the first of them: definitions of earlier cells hold, those of
the cells between are run in their turn, and nothing of it stays behind for the next check.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from grader.engine.probe.blame import raised_of
from grader.engine.probe.codefile import Cell, CodeFile
from grader.engine.probe.execution import execute
from grader.engine.probe.intercept import Interception, Recording, Stopped, behaviours_of
from grader.engine.probe.refusal import BAD_REQUEST, Refused

if TYPE_CHECKING:
    from grader.engine.probe.workspace import Workspace

_MISSING = object()


def replay(
    workspace: Workspace,
    body: dict[str, Any],
    *,
    materialise: Callable[[Any], Any],
    resolve_ref: Callable[[dict[str, Any]], Any],
) -> dict[str, Any]:
    """Answer a REPLAY request; records, value and names are live objects."""
    behaviours = behaviours_of(body.get("intercept") or [], materialise, workspace.support_object)
    preset = {str(name): materialise(value) for name, value in (body.get("names") or {}).items()}
    keep = [str(name) for name in body.get("keep") or []]
    call = body.get("call")
    if call is not None:
        target = resolve_ref(call["ref"])
        args = [materialise(value) for value in call.get("args") or []]
        kwargs = {str(name): materialise(value) for name, value in (call.get("kwargs") or {}).items()}
        namespace = globals_of(target, workspace)
        interception = Interception(behaviours, _with(workspace.namespaces(), namespace))
        with _set_for_now(namespace, preset):
            return _run(interception, lambda: target(*args, **kwargs), namespace, keep)
    return _replay_cells(workspace, list(body.get("cells") or []), behaviours, preset, keep)


def _replay_cells(
    workspace: Workspace, indexes: list[int], behaviours: list[Any], preset: dict[str, Any], keep: list[str]
) -> dict[str, Any]:
    try:
        chosen = [workspace.cell_at(index) for index in sorted(set(indexes))]
    except LookupError as error:
        raise Refused(BAD_REQUEST, str(error)) from error
    if not chosen:
        raise Refused(BAD_REQUEST, "REPLAY names neither a call nor a cell")
    file = chosen[0][0]
    cells = [cell for owner, cell in chosen if owner is file]
    namespace = _namespace_before(file, cells[0])
    namespace.update(preset)
    interception = Interception(behaviours, _with(workspace.namespaces(), namespace))

    def run() -> None:
        _run_cells(file, cells, namespace, interception)

    return _run(interception, run, namespace, keep)


def _namespace_before(file: CodeFile, cell: Cell) -> dict[str, Any]:
    """A fresh namespace as it stood before a cell; names that only later cells define are there as a last resort."""
    namespace = vars(file.rebuilt(file.step_before(cell)))
    for name, value in file.namespace.items():
        # Cells are not always run in the order in which they stand.
        namespace.setdefault(name, value)
    namespace["__name__"] = "__main__"
    return namespace


def _run_cells(file: CodeFile, cells: list[Cell], namespace: dict[str, Any], interception: Interception) -> None:
    first, last = file.cells.index(cells[0]), file.cells.index(cells[-1])
    for cell in file.cells[first : last + 1]:
        if cell in cells:
            steps = file.steps_of(cell)
            flags = steps[-1].flags if steps else 0
            for node in cell.statements:
                execute(node, namespace, cell.label, flags)
                interception.refresh([namespace])
        else:
            for step in file.steps_of(cell):
                file.run_step(step, namespace)
                interception.refresh([namespace])


def _run(
    interception: Interception, run: Callable[[], Any], namespace: dict[str, Any], keep: list[str]
) -> dict[str, Any]:
    value, raised = None, None
    recording: Recording
    with interception.active() as recording:
        try:
            value = run()
        except Stopped:
            value = None
        except BaseException as error:
            # SystemExit and KeyboardInterrupt too: they are the student's here.
            raised = raised_of(error)
    return {
        "records": recording.records,
        "stopped_at": recording.stopped_at,
        "raised": raised,
        "value": value,
        "names": {name: namespace[name] for name in keep if name in namespace},
        "notes": recording.notes,
    }


def globals_of(target: Any, workspace: Workspace) -> dict[str, Any]:
    """The namespace in which a function, method, class or instance of the student's looks its globals up."""
    import sys

    for candidate in (target, getattr(target, "__func__", None), getattr(target, "__wrapped__", None)):
        found = getattr(candidate, "__globals__", None)
        if isinstance(found, dict):
            return found
    cls = target if isinstance(target, type) else type(target)
    module = sys.modules.get(getattr(cls, "__module__", "") or "")
    if module is not None and any(vars(module) is space for space in workspace.namespaces()):
        return vars(module)
    return workspace.files[0].namespace if workspace.files else {}


def _with(namespaces: list[dict[str, Any]], namespace: dict[str, Any]) -> list[dict[str, Any]]:
    """The namespaces with the one that the code runs in first."""
    return [namespace, *(space for space in namespaces if space is not namespace)]


@contextmanager
def _set_for_now(namespace: dict[str, Any], values: dict[str, Any]) -> Iterator[None]:
    before = {name: namespace.get(name, _MISSING) for name in values}
    namespace.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is _MISSING:
                namespace.pop(name, None)
            else:
                namespace[name] = value
