from tests.attacks.handins import in_forward
from tests.attacks.idea import FULL, Idea

IDEA = Idea(
    name="read_host_files",
    family="read",
    what="Open files of the host by their full paths: a secret, passwords, keys, the Docker socket",
    source=in_forward("""
import glob
for path in ("@FILE@", "/etc/shadow", "/root/.ssh/id_rsa", "/root/.bash_history", "/var/run/docker.sock", "/proc/1/root@FILE@",
             "/proc/self/root@FILE@", "/run/secrets/kubernetes.io/serviceaccount/token", *glob.glob("/home/*/.ssh/*")):
    try:
        print("DONE", path, open(path).read()[:300])
    except OSError as error:
        print("REFUSED", path, type(error).__name__)
"""),
    only=("A.output",),
    at_most=FULL,
    at_least=2,
    tried="REFUSED",
    untold=("DONE /",),
    on_docker=True,
)
