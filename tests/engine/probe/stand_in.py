"""The smallest loading half: student code given as one text, so that the runtime half can be tested alone."""


class PlainCode:
    def __init__(self):
        self.globals = {}
        self.supported = {}

    def load(self, body):
        self.globals = {"__name__": "student"}
        exec(compile(body["archive"].decode(), body["name"], "exec"), self.globals)
        return {"files": [], "names": {}, "cells": [], "missing_imports": [], "notes": []}

    def resolve(self, name, version=None):
        if name not in self.globals:
            raise LookupError(f"there is no {name}")
        return self.globals[name]

    def support(self, source):
        exec(source, self.supported)
        return [name for name in self.supported if not name.startswith("__")]

    def support_object(self, name):
        return self.supported[name]

    def replay(self, body, *, materialise, resolve_ref):
        call = body["call"]
        target = resolve_ref(call["ref"])
        args, kwargs = materialise(call["args"]), materialise(call["kwargs"])
        records = [{"target": "call", "args": args, "kwargs": kwargs}]
        value = target(*args, **kwargs)
        names = {name: self.globals[name] for name in body.get("keep", [])}
        return {"records": records, "stopped_at": None, "raised": None, "value": value, "names": names}

    def script(self, body):
        return {"exit_code": 0, "raised": None, "records": [], "stdout": "", "files": []}

    def document(self, path):
        return {"kind": "text", "readable": True, "pages": 0, "encrypted": False, "text": path, "note": ""}

    def answers(self):
        return {"answers": {"A1.x": 3}, "source": "", "notes": []}

    def cell(self, index):
        return [{"source": "x = 1", "outputs": ""}][index]


if __name__ == "__main__":
    from grader.engine.probe.__main__ import main

    main(PlainCode)
