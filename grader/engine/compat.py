"""torchvision built for CUDA beside torch built for the CPU.

The wheel of torchvision on the package index expects compiled operators that only load with the CUDA build of
torch; its Python code registers fake implementations for `nms` and `qnms` at import and fails when the operators
do not exist. Declaring the two schemas first makes the import work; the operators themselves stay unusable, which
no classification or segmentation model needs. Where the compiled operators load, nothing is declared.
"""

from __future__ import annotations

import importlib.util
from typing import Any

_SCHEMAS = (
    "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
)
# A torch.library.Library must live as long as its definitions.
_keep: list[Any] = []


def prepare_torchvision() -> bool:
    """Make `import torchvision` safe. True when a declaration was needed; harmless to call twice.

    Must run before the first `import torchvision`, in every process that may import it.
    """
    if _keep or importlib.util.find_spec("torchvision") is None:
        return False
    import torch

    if _compiled_operators_load():
        return False
    library = torch.library.Library("torchvision", "DEF")  # type: ignore[no-untyped-call]
    for schema in _SCHEMAS:
        library.define(schema)  # type: ignore[no-untyped-call]
    _keep.append(library)
    return True


def _compiled_operators_load() -> bool:
    import torch

    if not torch.version.cuda:
        # A CPU build of torch: does the installed torchvision bring operators that load beside it?
        from importlib.machinery import PathFinder
        from pathlib import Path

        spec = PathFinder.find_spec("torchvision")
        locations = list(spec.submodule_search_locations or ()) if spec else []
        library = next((path for place in locations for path in Path(place).glob("_C*.so")), None)
        if library is None:
            return False
        try:
            torch.ops.load_library(str(library))  # type: ignore[no-untyped-call]
        except OSError:
            return False
    return True
