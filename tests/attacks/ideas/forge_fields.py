from tests.attacks.handins import wrong
from tests.attacks.idea import Idea

IDEA = Idea(
    name="forge_fields",
    family="forge",
    what="Answer with fields of other types: a list for text, text for a number, a table for a list",
    source=wrong("""
class Patched:
    from grader.engine.probe import serve
    from grader.engine.wire.messages import Kind
    serve.HANDLERS[Kind.TRACE] = lambda room, body: {"operations": "all", "low": 7}
    serve.HANDLERS[Kind.ANSWERS] = lambda room, body: {"answers": [40]}
"""),
    only=("A.count", "B.trace", "C.*"),
    flags=("another form",),
)
