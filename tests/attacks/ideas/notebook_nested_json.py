from tests.attacks.idea import Idea

IDEA = Idea(
    name="notebook_nested_json",
    family="notebook",
    what="Nest the notebook's JSON a hundred thousand deep",
    upload=lambda: ("handin.ipynb", b"""{"cells": """ + b"[" * 100_000 + b"]" * 100_000 + b"}"),
    status="rejected",
    at_most=0,
)
