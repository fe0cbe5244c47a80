from tests.attacks.handins import TRY_EACH, in_forward
from tests.attacks.idea import FULL, Idea

IDEA = Idea(
    name="escape_setuid",
    family="escape",
    what="Become root: by call, by capability, by programs with the setuid bit, by a setuid file of one's own",
    source=TRY_EACH
    + in_forward("""
import os, subprocess
def status(word):
    return next(line.split()[1] for line in open("/proc/self/status") if line.startswith(word))
def refuse(what):
    raise PermissionError(what)
try_each(
    ("uid", lambda: 0 in (os.getuid(), os.getgid()) or refuse("no root")),
    ("setuid", lambda: os.setuid(0)), ("setgid", lambda: os.setgid(0)), ("setgroups", lambda: os.setgroups([0])),
    ("capabilities", lambda: int(status("CapEff"), 16) or refuse("none")),
    ("new privileges", lambda: status("NoNewPrivs") == "1" and refuse("none")),
    ("chown", lambda: (open("/tmp/own", "w").close(), os.chown("/tmp/own", 0, 0))),
    ("su", lambda: subprocess.run(["su", "-c", "id"], capture_output=True, timeout=5, stdin=subprocess.DEVNULL).returncode == 0 or refuse("su")),
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
