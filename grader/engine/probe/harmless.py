"""Which statements run when a submission is loaded: those that define or set up, none that work.

Imports, `def`, `class` and plain assignments run; whatever trains, downloads, plots or prints is deferred. The question
is asked of the syntax tree with the names as they stand, before anything runs. It is a matter of time and clarity,
not of safety: the sandbox is what keeps a submission in.
"""

from __future__ import annotations

import argparse
import ast
import builtins
import dataclasses
import enum
import functools
import re
import sys
import types
from typing import Any

UNKNOWN = object()
_SIMPLE = (
    ast.Constant, ast.Tuple, ast.List, ast.Set, ast.Dict, ast.BinOp, ast.UnaryOp, ast.BoolOp, ast.Compare, ast.IfExp,
    ast.Subscript, ast.Slice, ast.Starred, ast.JoinedStr, ast.FormattedValue, ast.NamedExpr,
    ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp, ast.comprehension,
    ast.expr_context, ast.operator, ast.unaryop, ast.boolop, ast.cmpop, ast.keyword,
)  # fmt: skip
_CONTAINER_METHODS = frozenset((
    "update", "append", "extend", "add", "insert", "setdefault", "copy", "keys", "values", "items", "get", "pop",
    "format", "join", "split", "strip", "lower", "upper", "replace", "startswith", "endswith", "index", "count",
    "union",
))  # fmt: skip
_BUILTINS = (
    "dict", "list", "tuple", "set", "frozenset", "int", "float", "str", "bool", "bytes", "complex", "len", "range",
    "sorted", "min", "max", "sum", "abs", "round", "zip", "enumerate", "map", "filter", "reversed", "type",
    "isinstance", "issubclass", "getattr", "hasattr", "setattr", "slice", "divmod", "pow", "any", "all", "object",
    "globals", "locals", "iter", "next", "id", "repr", "chr", "ord", "callable", "vars",
)  # fmt: skip
_FUNCTIONS = {
    "torch": "device manual_seed tensor as_tensor zeros ones empty full arange linspace eye rand randn randint "
    "randperm from_numpy Tensor FloatTensor LongTensor DoubleTensor set_default_dtype set_printoptions Size Generator "
    "stack set_num_threads",
    "torch.cuda": "is_available device_count manual_seed manual_seed_all current_device empty_cache",
    "torch.backends.mps": "is_available is_built",
    "torch.random": "manual_seed",
    "numpy": "array asarray zeros ones empty full arange linspace eye float32 float64 int64 int32 uint8 shape "
    "set_printoptions prod sqrt log exp mean concatenate stack",
    "numpy.random": "seed RandomState default_rng",
    "random": "seed Random",
    "os.path": "join abspath dirname basename exists isdir isfile expanduser normpath realpath splitext getsize",
    "os": "getcwd getenv cpu_count fspath makedirs listdir",
    "math": "sqrt log exp ceil floor pow prod log2 log10 sin cos tan",
    "collections": "namedtuple OrderedDict defaultdict Counter deque",
    "functools": "partial lru_cache wraps",
    "itertools": "product chain repeat",
    "warnings": "filterwarnings simplefilter",
    "logging": "getLogger",
    "copy": "copy deepcopy",
    "re": "compile",
    "time": "time perf_counter",
    "datetime": "datetime.now date.today",
    "dataclasses": "field dataclass make_dataclass",
    "typing": "NamedTuple TypeVar NewType",
    "types": "SimpleNamespace",
    "argparse": "ArgumentParser Namespace",
    "pathlib": "Path PurePath Path.cwd",
    "platform": "system node",
    "sys": "version setrecursionlimit",
    "matplotlib": "use",
    "pprint": "PrettyPrinter",
}
_MODULE_FOLDERS = ("torch.nn.", "torchvision.transforms", "torch.utils.data.sampler")
_LOSS_NAME = re.compile(r"loss|criterion|metric|iou|dice|focal|jaccard", re.IGNORECASE)
_SETTINGS_NAME = re.compile(r"arg|conf|cfg|opt|param|hyper|setting|dict|flag|attr|const|namespace", re.IGNORECASE)


def runs_at_load(node: ast.stmt, namespace: dict[str, Any], tainted: set[str]) -> bool:
    """Whether a simple statement or definition runs at load; compound statements are the loader's to take apart.

    `tainted` are names that a deferred statement would have given another value.
    """
    if isinstance(node, ast.Import | ast.ImportFrom | ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return True
    if isinstance(node, ast.Pass | ast.Global):
        return True
    if tainted and tainted & read_names(node):
        return False
    judge = _Judge(namespace)
    if isinstance(node, ast.Assign):
        return judge.accepts(node.value) and all(judge.accepts_target(target) for target in node.targets)
    if isinstance(node, ast.AnnAssign):
        return (node.value is None or judge.accepts(node.value)) and judge.accepts_target(node.target)
    if isinstance(node, ast.AugAssign):
        return judge.accepts(node.value) and judge.accepts_target(node.target)
    if isinstance(node, ast.Expr):
        return isinstance(node.value, ast.Constant) or (isinstance(node.value, ast.Call) and judge.accepts(node.value))
    return False


def is_harmless_expression(node: ast.expr, namespace: dict[str, Any], tainted: set[str]) -> bool:
    """Whether an expression may be evaluated at load, such as the test of an `if`."""
    return not (tainted & read_names(node)) and _Judge(namespace).accepts(node)


class _Judge:
    """Walks one expression; callees are looked up, never called."""

    def __init__(self, namespace: dict[str, Any]) -> None:
        self._namespace = namespace

    def accepts(self, node: ast.AST) -> bool:
        if isinstance(node, ast.Name):
            # Notebooks have it as "__main__"; what hangs on it is for running, not for loading.
            return node.id != "__name__"
        if isinstance(node, ast.Lambda):
            return True
        if isinstance(node, ast.Attribute):
            return self.accepts(node.value)
        if isinstance(node, ast.Call):
            arguments: list[ast.AST] = [*node.args, *node.keywords]
            return self._accepts_callee(node) and all(self.accepts(argument) for argument in arguments)
        if isinstance(node, _SIMPLE):
            return all(self.accepts(child) for child in ast.iter_child_nodes(node))
        return False

    def accepts_target(self, node: ast.expr) -> bool:
        if isinstance(node, ast.Name):
            return True
        if isinstance(node, ast.Tuple | ast.List):
            return all(self.accepts_target(element) for element in node.elts)
        return self.accepts(node)

    def _accepts_callee(self, node: ast.Call) -> bool:
        function = node.func
        if isinstance(function, ast.Attribute) and function.attr in _CONTAINER_METHODS:
            if isinstance(function.value, ast.Constant | ast.Dict | ast.List | ast.JoinedStr):
                return True
            if _is_container(self._value(function.value)):
                return True
        callee = self._value(function)
        if callee is UNKNOWN:
            return False
        owner = getattr(callee, "__self__", None)
        if isinstance(owner, argparse.ArgumentParser | argparse._ActionsContainer):  # noqa: SLF001 - argument groups
            return self._accepts_parser_call(node, callee.__name__)
        return _is_known(callee) or _is_settings_class(callee) or _is_loss_class(callee)

    @staticmethod
    def _accepts_parser_call(node: ast.Call, method: str) -> bool:
        """Declaring arguments is harmless; reading the command line is not, unless an empty list stands for it."""
        if not method.startswith("parse"):
            return True
        given = [*node.args, *(keyword.value for keyword in node.keywords if keyword.arg == "args")]
        return bool(given) and isinstance(given[0], ast.List)

    def _value(self, node: ast.expr) -> Any:
        """What a dotted name stands for, without running a property."""
        if isinstance(node, ast.Name):
            if node.id in self._namespace:
                return self._namespace[node.id]
            return getattr(builtins, node.id, UNKNOWN)
        if isinstance(node, ast.Attribute):
            base = self._value(node.value)
            if isinstance(base, types.ModuleType | type | argparse.ArgumentParser | argparse._ActionsContainer):  # noqa: SLF001
                return getattr(base, node.attr, UNKNOWN)
            if base is not UNKNOWN and isinstance(getattr(base, "__dict__", None), dict):
                return base.__dict__.get(node.attr, UNKNOWN)
        return UNKNOWN


def _is_container(value: Any) -> bool:
    return isinstance(value, dict | list | set | str | tuple | types.SimpleNamespace | argparse.Namespace) or (
        # os.environ, plt.rcParams
        hasattr(type(value), "setdefault") and not isinstance(value, type)
    )


@functools.cache
def _builtin_callables() -> frozenset[int]:
    return frozenset(id(getattr(builtins, name)) for name in _BUILTINS)


def _is_known(callee: Any) -> bool:
    # `devices` and `oldapis` wrap some of them.
    if {id(callee), id(getattr(callee, "__wrapped__", None))} & (_builtin_callables() | _listed().keys()):
        return True
    if not isinstance(callee, type):
        return False
    home = getattr(callee, "__module__", "") or ""
    return isinstance(home, str) and (home + ".").startswith(_MODULE_FOLDERS)


# The objects are kept beside their ids, so that no id is ever used again for something else.
_found: dict[str, dict[int, Any]] = {}


def _listed() -> dict[int, Any]:
    together: dict[int, Any] = _found.setdefault("", {})
    for home, names in _FUNCTIONS.items():
        module = sys.modules.get(home)
        if module is None or home in _found:
            continue
        _found[home] = {}
        for name in names.split():
            value: Any = module
            for part in name.split("."):
                value = getattr(value, part, None)
            if value is not None:
                together[id(value)] = value
    return together


def _is_settings_class(callee: Any) -> bool:
    """A class of the student's that only holds values: a dictionary with attributes, a data class, a named tuple."""
    if not isinstance(callee, type):
        return False
    plain = (object, dict, tuple, types.SimpleNamespace, argparse.Namespace, enum.Enum)
    if any(issubclass(callee, base) for base in plain[1:]) or dataclasses.is_dataclass(callee):
        return True
    own = [base for base in callee.__mro__ if base is not object]
    if any(base.__module__ in sys.builtin_module_names or base.__module__.startswith("torch") for base in own):
        return False
    return not any("__init__" in vars(base) for base in own) or bool(_SETTINGS_NAME.search(callee.__name__))


def _is_loss_class(callee: Any) -> bool:
    """A loss or metric written as a module: a global that functions use, and quickly made."""
    if not isinstance(callee, type) or not _LOSS_NAME.search(callee.__name__):
        return False
    return any(base.__module__ == "torch.nn.modules.module" for base in callee.__mro__)


def read_names(node: ast.AST) -> set[str]:
    """Names whose value a statement needs when it runs; bodies of functions and lambdas run later."""
    found: set[str] = set()
    waiting: list[ast.AST] = [node]
    while waiting:
        current = waiting.pop()
        if isinstance(current, ast.Lambda):
            continue
        if isinstance(current, ast.FunctionDef | ast.AsyncFunctionDef):
            waiting += [*current.decorator_list, *current.args.defaults, *(d for d in current.args.kw_defaults if d)]
            continue
        if isinstance(current, ast.Name) and not isinstance(current.ctx, ast.Store):
            found.add(current.id)
        if isinstance(current, ast.AugAssign) and isinstance(current.target, ast.Name):
            found.add(current.target.id)
        waiting += ast.iter_child_nodes(current)
    return found
