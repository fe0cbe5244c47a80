from tests.attacks.handins import SYSCALL, in_forward
from tests.attacks.idea import FULL, Idea

IDEA = Idea(
    name="escape_sockets",
    family="escape",
    what="Reach the host by sockets of every family, its Unix socket and its hypervisor",
    source=SYSCALL
    + in_forward("""
import socket
def unix():
    with socket.socket(socket.AF_UNIX) as one:
        one.connect("@SOCKET@")
def tcp():
    with socket.create_connection(("127.0.0.1", @PORT@), 1):
        pass
try_each(
    ("unix", unix), ("tcp", tcp), ("pair", socket.socketpair),
    ("vsock", lambda: socket.socket(40, socket.SOCK_STREAM)),
    ("netlink", lambda: socket.socket(16, socket.SOCK_RAW, 0)),
    ("packet", lambda: socket.socket(17, socket.SOCK_RAW, 0)),
    ("kernel cryptography", lambda: socket.socket(38, socket.SOCK_SEQPACKET)),
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
