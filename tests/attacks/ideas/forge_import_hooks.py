from tests.attacks.handins import wrong
from tests.attacks.idea import Idea

IDEA = Idea(
    name="forge_import_hooks",
    family="forge",
    what="Answer every later import of pytest and of the grader with a module that passes all",
    source=wrong("""
    import sys, types
    class Everything(types.ModuleType):
        def __getattr__(self, name):
            return lambda *a, **k: None
    class Finder:
        def find_spec(self, name, path=None, target=None):
            if name.split(".")[0] in ("pytest", "_pytest", "grader", "reference", "blobs"):
                import importlib.machinery
                return importlib.machinery.ModuleSpec(name, self)
        def create_module(self, spec): return Everything(spec.name)
        def exec_module(self, module): pass
    class Patched:
        sys.meta_path.insert(0, Finder())
        for name in ("pytest", "_pytest", "grader.checks", "grader.engine.harness.plugin", "conftest"):
            sys.modules[name] = Everything(name)
    def smooth(x):
        import pytest
        print("imported:", type(pytest).__name__)
        return torch.zeros(len(x) - 2)
    """),
    tried="imported: Everything",
)
