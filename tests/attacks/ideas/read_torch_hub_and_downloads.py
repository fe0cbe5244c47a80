from tests.attacks.handins import in_forward
from tests.attacks.idea import FULL, Idea

IDEA = Idea(
    name="read_torch_hub_and_downloads",
    family="read",
    what="Fetch data sets and checkpoints from the network, as an honest notebook would",
    source=in_forward("""
import socket
for attempt in (lambda: torch.hub.load_state_dict_from_url("http://example.org/x.pth"),
                lambda: socket.getaddrinfo("example.org", 80), lambda: socket.create_connection(("1.1.1.1", 53), 1)):
    try:
        print("DONE", attempt())
    except BaseException as error:
        print("REFUSED", type(error).__name__)
"""),
    only=("A.output",),
    at_most=FULL,
    at_least=2,
    tried="REFUSED",
    untold=("DONE",),
)
