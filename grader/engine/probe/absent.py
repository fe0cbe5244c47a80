"""What stands for a module or name that cannot be imported here.

A missing import must cost only what really uses it: attributes may be looked up, it may decorate or be a base class;
calling it raises a sentence that names it.
"""

from __future__ import annotations

from typing import Any, NoReturn

# Bases that are a torch module under another roof, so that the class stays usable as one.
_MODULE_BASES = ("LightningModule", "Module")


class Absent:
    """A stand-in for `name`, such as "tensorflow.keras.layers"."""

    def __init__(self, name: str, why: str = "is not available where submissions are checked") -> None:
        self.__dict__.update(_absent_name=name, _absent_why=why)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") and name.endswith("__"):
            raise AttributeError(name)
        return Absent(f"{self._absent_name}.{name}", self._absent_why)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if len(args) == 1 and not kwargs and (isinstance(args[0], type) or hasattr(args[0], "__code__")):
            # Used as a decorator: the function stays what it is.
            return args[0]
        return self._refuse()

    def __mro_entries__(self, bases: tuple[Any, ...]) -> tuple[type, ...]:
        del bases
        if self._absent_name.rpartition(".")[2] in _MODULE_BASES:
            from torch import nn

            return (nn.Module,)
        return ()

    def __iter__(self) -> NoReturn:
        self._refuse()

    def __getitem__(self, key: object) -> NoReturn:
        self._refuse()

    def __repr__(self) -> str:
        return f"<{self._absent_name} is not available here>"

    def _refuse(self) -> NoReturn:
        raise ModuleNotFoundError(f"{self._absent_name} {self._absent_why}, so it cannot be used")


def is_absent(value: object) -> bool:
    return type(value) is Absent
