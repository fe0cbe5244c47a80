from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from grader.domain.errors import NotDefined, StudentRaised

CONV = """
class MyConv(nn.Module):
    def __init__(self, a, b, k):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(b, a, k, k))
        self.bias = nn.Parameter(torch.randn(b))
        self.note = {"kernel": k, "sizes": (a, b)}
    def forward(self, x):
        return F.conv2d(x, self.weight, self.bias, padding=1)
"""


def test_a_remote_layer_computes_as_the_local_one(student_of):
    layer = student_of(CONV).MyConv(3, 8, 3)
    x = torch.randn(2, 3, 8, 8)
    expected = F.conv2d(x, layer.weight, layer.bias, padding=1)
    assert torch.allclose(layer(x), expected, atol=1e-5)
    assert layer.note == {"kernel": 3, "sizes": (3, 8)}


def test_gradients_flow_to_inputs_and_parameters(student_of):
    layer = student_of(CONV).MyConv(2, 3, 3).double()
    x = torch.randn(1, 2, 5, 5, dtype=torch.float64, requires_grad=True)
    weight, bias = layer.weight, layer.bias
    layer(x).square().sum().backward()
    local_x = x.detach().clone().requires_grad_()
    local_weight, local_bias = (value.detach().clone().requires_grad_() for value in (weight, bias))
    F.conv2d(local_x, local_weight, local_bias, padding=1).square().sum().backward()
    assert torch.allclose(x.grad, local_x.grad)
    assert torch.allclose(weight.grad, local_weight.grad)
    assert torch.allclose(bias.grad, local_bias.grad)


def test_gradcheck_passes_on_inputs_and_on_parameters(student_of):
    layer = student_of(CONV).MyConv(1, 2, 3).double()
    x = torch.randn(1, 1, 4, 4, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(layer, (x,))
    assert torch.autograd.gradcheck(lambda *_: layer(x.detach()), (layer.weight, layer.bias))


def test_gradcheck_fails_on_a_wrong_gradient(student_of):
    student = student_of("""
class Wrong(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x * x
    @staticmethod
    def backward(ctx, grad):
        return grad * ctx.saved_tensors[0]
def square(x):
    return Wrong.apply(x)
""")
    x = torch.randn(3, dtype=torch.float64, requires_grad=True)
    assert not torch.autograd.gradcheck(student.square, (x,), raise_exception=False)


def test_a_function_that_detaches_gives_a_result_without_gradient(student_of):
    student = student_of("def loss(p):\n    return (p.detach() * 2).sum()\n")
    value = student.loss(torch.randn(4, requires_grad=True))
    assert not value.requires_grad


def test_structured_results_keep_their_structure_and_their_graph(student_of):
    student = student_of("def f(x):\n    return {'a': x * 2, 'b': [x.sum(), 3, 'text'], 'c': (x > 0,)}\n")
    x = torch.randn(3, requires_grad=True)
    result = student.f(x)
    assert result["b"][1:] == [3, "text"]
    assert result["c"][0].dtype is torch.bool
    (result["a"].sum() + result["b"][0]).backward()
    assert torch.allclose(x.grad, torch.full((3,), 3.0))


@pytest.mark.parametrize(
    "question", [bool, len, list, hash, lambda value: value == 1, lambda value: value != 1, lambda value: 1 in value]
)
def test_a_proxy_never_lets_the_sandbox_answer_python(student_of, question):
    thing = student_of(
        "class T:\n    def __eq__(self, other):\n        return True\n    def __len__(self):\n        return 3\n"
    ).T()
    with pytest.raises(TypeError, match="fetch a value"):
        question(thing)


def test_missing_names_and_exceptions_become_sentences(student_of):
    student = student_of("def f(x):\n    return x['colour']\n")
    with pytest.raises(NotDefined, match="does not define UNet"):
        student.UNet(3)
    with pytest.raises(StudentRaised, match="KeyError") as caught:
        student.f({})
    assert "Traceback" not in str(caught.value)


def test_state_travels_both_ways(student_of):
    student = student_of(CONV)
    one, other = student.MyConv(1, 2, 3), student.MyConv(1, 2, 3)
    other.load_state_dict(one.state_dict())
    x = torch.randn(1, 1, 6, 6)
    assert torch.equal(one(x), other(x))
    with pytest.raises(StudentRaised):
        other.load_state_dict({"weight": torch.zeros(1)})


def test_a_description_names_classes_shapes_and_hyperparameters(student_of):
    student = student_of(
        "def make():\n    return nn.Sequential(nn.Conv2d(3, 4, 5, padding=2), nn.BatchNorm2d(4), nn.ReLU())\n"
    )
    described = student.make().describe()
    (conv,) = described.of("Conv2d")
    assert conv.hyper["kernel_size"] == (5, 5) and conv.hyper["padding"] == (2, 2)
    assert described.parameters["0.weight"].shape == (4, 3, 5, 5)
    assert described.count == 4 * 3 * 25 + 4 + 8


def test_a_trace_tells_what_is_concatenated_with_what(student_of):
    student = student_of("""
class Skip(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 4, 3, padding=1)
    def forward(self, x):
        return torch.cat([self.conv(x), x], dim=1)
""")
    trace = student.trace(student.Skip(), torch.randn(2, 1, 8, 8))
    (cat,) = trace.of("torch.cat")
    assert sorted(shape for _, shape in cat.inputs) == [(2, 1, 8, 8), (2, 4, 8, 8)]
    assert trace.arguments[0] in [number for number, _ in cat.inputs]


def test_training_stops_at_the_threshold_and_is_judged_outside(student_of):
    student = student_of("def make():\n    return nn.Linear(2, 2)\n")
    x = torch.randn(200, 2)
    y = (x[:, 0] > 0).long()
    held_x, held_y = torch.randn(60, 2), None
    held_y = (held_x[:, 0] > 0).long()
    model = student.make()
    result = student.fit(
        model, x, y, lr=0.1, steps=400, report_every=10, validation=held_x,
        judge=lambda logits: F.cross_entropy(logits, held_y).item(), below=0.35,
    )  # fmt: skip
    assert result.reached and result.steps < 400
    predicted = student.predict(model, held_x).argmax(1)
    assert (predicted == held_y).float().mean() > 0.8
