from tests.attacks.handins import in_forward
from tests.attacks.idea import FULL, Idea

IDEA = Idea(
    name="exhaust_output",
    family="exhaust",
    what="Print a gigabyte, by Python, by C code and by a child process",
    source=in_forward("""
import ctypes, os, subprocess, sys
for _ in range(64):
    print("x" * 2**20)
os.write(1, b"y" * 2**20)
subprocess.run([sys.executable, "-c", "print('z' * 2**22)"], check=False)
"""),
    only=("A.output",),
    at_most=FULL,
    at_least=2,
    harms=True,
    tried="bytes left out",
)
