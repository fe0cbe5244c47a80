from tests.attacks.handins import wrong
from tests.attacks.idea import Idea

IDEA = Idea(
    name="forge_gradient_replies",
    family="forge",
    what="Answer requests for gradients by gradients of other shapes and kinds",
    source=wrong("""
class Patched:
    from grader.engine.probe import serve
    from grader.engine.wire.messages import Kind
    def vjp(room, body):
        return {"inputs": "none", "parameters": 7}
    serve.HANDLERS[Kind.VJP] = vjp
class Scale(Scale):
    def forward(self, x):
        return super().forward(x) + 0 * (x @ self.weight)
"""),
    only=("A.gradients", "A.count"),
    flags=("another form",),
)
