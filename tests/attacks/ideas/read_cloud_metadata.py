from tests.attacks.handins import in_forward
from tests.attacks.idea import FULL, Idea

IDEA = Idea(
    name="read_cloud_metadata",
    family="read",
    what="Ask the cloud's metadata service, the name server and the host's own ports",
    source=in_forward("""
import urllib.request
for address in ("http://169.254.169.254/latest/meta-data/", "http://metadata.google.internal/", "http://127.0.0.1:@PORT@/"):
    try:
        print("DONE", address, urllib.request.urlopen(address, timeout=1).read()[:100])
    except BaseException as error:
        print("REFUSED", type(error).__name__, error)
"""),
    only=("A.output",),
    at_most=FULL,
    at_least=2,
    tried="REFUSED",
    untold=("DONE http",),
    on_docker=True,
)
