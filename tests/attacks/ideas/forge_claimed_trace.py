from tests.attacks.handins import wrong
from tests.attacks.idea import FLOOR, Idea

IDEA = Idea(
    name="forge_claimed_trace",
    family="forge",
    what="Replace the probe's own handlers, so that traces and recorded calls say what is wanted",
    source=wrong("""
class Patched:
    from grader.engine.probe import serve
    from grader.engine.wire.messages import Kind
    def trace(room, body):
        product = {"op": "torch.matmul", "inputs": [[0, [2, 6]]], "outputs": [[1, [2, 3]]]}
        return {"operations": [product], "low": [], "arguments": [0], "value": None}
    def match(room, body):
        return {"members": [{"name": "last.weight", "shape": [3, 16]}, {"name": "last.bias", "shape": [3]}]}
    serve.HANDLERS[Kind.TRACE] = trace
    serve.HANDLERS[Kind.MATCH_PARAMETERS] = match
"""),
    at_most=FLOOR + 3,
    at_least=FLOOR + 3,
    residual=(
        "A trace, a description and a recorded call are claims of the sandbox: code that rewrites the probe "
        "wins what rests on them alone. In the target those are 3 of 19 points; a spec tests what matters by "
        "its effect too."
    ),
)
