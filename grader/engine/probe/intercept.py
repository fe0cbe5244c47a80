"""Stand-ins and recorders: named things that the student's code calls are replaced while it runs.

A replaced thing is replaced wherever the student's code may have it: on its module, on modules of the same library that
show it too, and as a global of any file of the submission, under whatever name. All is put back afterwards.
"""

from __future__ import annotations

import importlib
import itertools
import sys
import types
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from grader.engine.probe.refusal import BAD_REQUEST, Refused
from grader.engine.probe.surroundings import is_usual, usual_import

RECORDS = 10_000
# Iterators given to an intercepted call are kept as lists, up to this many elements.
ITEMS = 100_000
_MISSING = object()
_CONSUMED = (types.GeneratorType, filter, map, zip, itertools.chain, itertools.islice)


class Stopped(BaseException):
    """A call at which the replay ends; no `except Exception` of the student's catches it."""


@dataclass(frozen=True, slots=True)
class Behaviour:
    """What a replaced name does when called: `then` is stop, return, call or using; `answer` gives the result."""

    target: str
    then: str
    answer: Callable[..., Any] | None = None


@dataclass(slots=True)
class Recording:
    """What the intercepted calls were, in order, and at which one the run was stopped."""

    records: list[dict[str, Any]] = field(default_factory=list)
    stopped_at: str | None = None
    notes: list[str] = field(default_factory=list)


class Recorder:
    """Stands in the place of a function or class. What is not a call goes to the original."""

    def __init__(self, behaviour: Behaviour, original: Any, recording: Recording) -> None:
        self.__dict__.update(_behaviour=behaviour, _original=original, _recording=recording)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        behaviour: Behaviour = self._behaviour
        recording: Recording = self._recording
        if recording.stopped_at is not None:
            # A bare `except:` went on after the stop.
            raise Stopped(recording.stopped_at)
        kept = tuple(_kept(value) for value in args)
        kept_by_name = {name: _kept(value) for name, value in kwargs.items()}
        if len(recording.records) < RECORDS:
            recording.records.append({"target": behaviour.target, "args": kept, "kwargs": kept_by_name})
        if behaviour.then == "stop":
            recording.stopped_at = behaviour.target
            raise Stopped(behaviour.target)
        called = behaviour.answer or self._original
        given = (_again(value, given) for value, given in zip(kept, args, strict=True))
        return called(*given, **{name: _again(value, kwargs[name]) for name, value in kept_by_name.items()})

    def __getattr__(self, name: str) -> Any:
        return getattr(self._original, name)

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(self._original, name, value)

    def __instancecheck__(self, instance: Any) -> bool:
        return isinstance(instance, self._original)

    def __subclasscheck__(self, cls: type) -> bool:
        return issubclass(cls, self._original)

    def __mro_entries__(self, bases: tuple[Any, ...]) -> tuple[Any, ...]:
        del bases
        return (self._original,)


def _kept(value: Any) -> Any:
    """An argument as it is recorded: an iterator as the list of what it yields, which the call would use up."""
    return list(itertools.islice(value, ITEMS)) if isinstance(value, _CONSUMED) else value


def _again(kept: Any, given: Any) -> Any:
    return iter(kept) if isinstance(given, _CONSUMED) else kept


def behaviours_of(
    wanted: list[dict[str, Any]], materialise: Callable[[Any], Any], support: Callable[[str], Any]
) -> list[Behaviour]:
    """The `intercept` list of a request; `using` looks functions up in the support code."""
    found = []
    for item in wanted:
        then = item.get("then", "stop")
        answer: Callable[..., Any] | None = None
        if then == "using":
            answer = _supported(support, item.get("using"))
        elif then == "return":
            answer = _constant(materialise(item.get("value")))
        found.append(Behaviour(str(item["target"]), then, answer))
    return found


def _supported(support: Callable[[str], Any], name: Any) -> Callable[..., Any]:
    try:
        answer: Callable[..., Any] = support(name)
    except LookupError as error:
        # The spec's mistake, not the student's.
        raise Refused(BAD_REQUEST, str(error)) from error
    return answer


def _constant(value: Any) -> Callable[..., Any]:
    def constant(*args: Any, **kwargs: Any) -> Any:
        del args, kwargs
        return value

    return constant


class Interception:
    """Replaces targets over the namespaces of a submission, and keeps what has to be put back."""

    def __init__(self, behaviours: list[Behaviour], namespaces: list[dict[str, Any]]) -> None:
        self.recording = Recording()
        self._behaviours = behaviours
        self._namespaces = namespaces
        self._undo: list[Callable[[], None]] = []
        self._global_targets = [behaviour for behaviour in behaviours if "." not in behaviour.target]
        self._reached: set[str] = set()

    @contextmanager
    def active(self) -> Iterator[Recording]:
        """Replaced inside, put back outside, whatever happens."""
        try:
            for behaviour in self._behaviours:
                if "." in behaviour.target:
                    self._replace_attribute(behaviour)
            self.refresh(self._namespaces)
            yield self.recording
        finally:
            for undo in reversed(self._undo):
                undo()
            for behaviour in self._behaviours:
                if behaviour.target not in self._reached:
                    self.recording.notes.append(f"there is no {behaviour.target} to intercept")

    def refresh(self, namespaces: list[dict[str, Any]]) -> None:
        """Replace global targets again: a cell may have defined them anew."""
        for behaviour in self._global_targets:
            for namespace in namespaces:
                self._replace_global(behaviour, namespace)

    def _replace_global(self, behaviour: Behaviour, namespace: dict[str, Any]) -> None:
        original = namespace.get(behaviour.target, _MISSING)
        if original is _MISSING and behaviour.target in (namespace.get("__builtins__") or {}):
            # `input`, `open`: a global of the same name comes before the builtin.
            original = namespace["__builtins__"][behaviour.target]
            self._undo.append(lambda: namespace.pop(behaviour.target, None))
            self._set_global(namespace, behaviour.target, Recorder(behaviour, original, self.recording))
            return
        if original is _MISSING or isinstance(original, Recorder):
            return
        self._reached.add(behaviour.target)
        self._replace_everywhere(original, Recorder(behaviour, original, self.recording))

    def _set_global(self, namespace: dict[str, Any], name: str, value: Any) -> None:
        self._reached.add(name)
        namespace[name] = value

    def _replace_attribute(self, behaviour: Behaviour) -> None:
        path, _, name = behaviour.target.rpartition(".")
        owner = self._find(path)
        original = getattr(owner, name, _MISSING) if owner is not None else _MISSING
        if original is _MISSING:
            return
        self._reached.add(behaviour.target)
        recorder: Any = Recorder(behaviour, original, self.recording)
        if isinstance(owner, type):
            # Only a function becomes a method.
            self._set(owner, name, _as_function(recorder))
            return
        self._set(owner, name, recorder)
        if isinstance(owner, types.ModuleType):
            self._replace_in_library(owner, name, original, recorder)
            self._replace_everywhere(original, recorder)

    def _find(self, path: str) -> Any:
        """What a dotted path stands for: a global of the student's, or a module."""
        root, *rest = path.split(".")
        start = next((space[root] for space in self._namespaces if root in space), None)
        if not isinstance(start, types.ModuleType) and start is not None and rest:
            start = None
        if start is None:
            start = usual_import(root) if is_usual(root) else _imported(root)
        for number, part in enumerate(rest, 1):
            if start is None:
                return None
            found = getattr(start, part, None)
            start = found if found is not None else _imported(".".join([root, *rest[:number]]))
        return start

    def _set(self, owner: Any, name: str, value: Any) -> None:
        had = vars(owner).get(name, _MISSING) if hasattr(owner, "__dict__") else _MISSING

        def undo() -> None:
            if had is _MISSING:
                delattr(owner, name)
            else:
                setattr(owner, name, had)

        try:
            setattr(owner, name, value)
        except (AttributeError, TypeError):
            # A built-in type: it cannot be replaced, and says so below.
            self._reached.discard(name)
            return
        self._undo.append(undo)

    def _replace_in_library(self, owner: types.ModuleType, name: str, original: Any, recorder: Any) -> None:
        top = owner.__name__.partition(".")[0]
        for module_name, module in list(sys.modules.items()):
            inside = module_name == top or module_name.startswith(top + ".")
            if inside and isinstance(module, types.ModuleType) and vars(module).get(name) is original:
                self._set(module, name, recorder)

    def _replace_everywhere(self, original: Any, recorder: Any) -> None:
        for namespace in self._namespaces:
            for name, value in list(namespace.items()):
                if value is original and name != "__builtins__":
                    self._undo.append(_putting_back(namespace, name, original, recorder))
                    namespace[name] = recorder


def _putting_back(namespace: dict[str, Any], name: str, original: Any, recorder: Any) -> Callable[[], None]:
    def undo() -> None:
        # What the code itself has set since is its own.
        if namespace.get(name) is recorder:
            namespace[name] = original

    return undo


def _as_function(recorder: Recorder) -> Callable[..., Any]:
    def method(*args: Any, **kwargs: Any) -> Any:
        return recorder(*args, **kwargs)

    return method


def _imported(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except Exception:
        return None
