from tests.attacks.handins import TRY_EACH, in_forward
from tests.attacks.idea import FULL, Idea

IDEA = Idea(
    name="escape_system_files",
    family="escape",
    what="Change the interpreter, torch and the probe for whoever comes next",
    source=TRY_EACH
    + in_forward("""
import sys, torch as library
from grader.engine import probe
def write(path):
    return lambda: open(path, "a").write("\\nimport os")
try_each(
    ("torch", write(library.__file__)), ("probe", write(probe.__file__)), ("interpreter", write(sys.executable)),
    ("libc", write("/lib/x86_64-linux-gnu/libc.so.6")), ("passwords", write("/etc/passwd")), ("root", write("/x.py")),
    ("start", write(sys.prefix + "/lib/python3.11/sitecustomize.py")),
)
"""),
    only=("A.output",),
    at_most=FULL,
    at_least=2,
    harms=True,
    tried="REFUSED",
    untold=("DONE ",),
    on_docker=True,
)
