from tests.attacks.idea import Idea

IDEA = Idea(
    name="notebook_no_notebook",
    family="notebook",
    what="Send JSON that is a notebook by name only: a list, numbers for cells, a cell that is its own source",
    upload=lambda: (
        "handin.ipynb",
        b"""{"cells": [1, null, {"cell_type": "code", "source": {"a": 1}}, [[]]], "nbformat": "x", "metadata": 3}""",
    ),
    status="graded",
    at_most=0,
)
