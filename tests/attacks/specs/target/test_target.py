"""One check of each kind: a value, a gradient, a count, a hundred calls, a training, a trace, an optimiser, an answer."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from blobs import blobs

from grader.checks import Student, assert_answer, assert_close, check, expect, stop, tensor


@check("A", points=2, title="Scale computes x W + b", timeout_s=60)
def test_output(student: Student) -> None:
    layer = student.Scale(7, 5)
    x = torch.randn(4, 7)
    assert_close(layer(x), x @ layer.weight + layer.bias)


@check("A", points=3, title="Scale has the right gradients", timeout_s=60)
def test_gradients(student: Student) -> None:
    layer = student.Scale(3, 2).double()
    x = torch.randn(2, 3, dtype=torch.float64, requires_grad=True)
    weight, bias = layer.weight, layer.bias
    expect(
        bool(torch.autograd.gradcheck(lambda given, *_: layer(given), (x, weight, bias))),
        "The gradients differ from the finite differences.",
    )
    assert_close(layer(x), x @ weight + bias)


@check("A", points=1, title="Scale has as many weights as it needs", timeout_s=6)
def test_count(student: Student) -> None:
    expect(student.Scale(7, 5).describe().count == 40, "The number of weights is not right.")


@check("A", points=3, title="smooth is a moving average, however often it is called", timeout_s=60)
def test_fresh(student: Student) -> None:
    for _ in range(8):
        length = int(torch.randint(5, 40, ()))
        x = torch.randn(length)
        wanted = F.avg_pool1d(x[None], 3, stride=1)[0]
        assert_close(student.smooth(x), wanted, message="The average of three neighbours is something else.")


@check("B", points=4, stage="train", title="Net learns, by labels it never sees", timeout_s=120)
def test_training(student: Student) -> None:
    data = blobs()

    def accuracy(scores: torch.Tensor) -> float:
        return (scores.argmax(1) == data.held_out_labels).double().mean().item()

    model = student.Net(6, 3)
    result = student.fit(
        model, data.inputs, data.labels, lr=0.05, batch_size=30, steps=60, report_every=20, budget_s=90,
        validation=data.held_out, judge=accuracy, above=0.9,
    )  # fmt: skip
    expect(result.reached, "The network does not learn to tell the groups apart.")
    scores = tensor(student.predict(model, data.held_out), shape=(90, 3))
    expect(accuracy(scores) > 0.9, "The network's predictions are not those it was judged by.")


@check("B", points=1, title="Net multiplies matrices", timeout_s=60)
def test_trace(student: Student) -> None:
    trace = student.trace(student.Net(6, 3), torch.randn(2, 6))
    expect(bool(trace.of("linear", "matmul", "addmm", "mm", "einsum")), "No product of matrices was found.")


@check("B", points=2, title="The optimiser gets the last layer only", timeout_s=60)
def test_optimiser(student: Student) -> None:
    model = student.Net(6, 3)
    replay = student.replay(call=student.setup, args=(model,), intercept={"torch.optim.Adam": stop()})
    expect(bool(replay.records), "No optimiser was made.")
    given = replay.records[0].args[0] if replay.records[0].args else replay.records[0].kwargs.get("params")
    expect(student.match_parameters(given, model) == ["last.weight", "last.bias"], "Other parameters were given.")


@check("C", points=1, title="The number of weights", timeout_s=60)
def test_answer(student: Student) -> None:
    assert_answer(student, "C.weights")


@check("D", points=2, visibility="staff", title="Scale takes any number of rows, and an empty batch", timeout_s=60)
def test_sizes(student: Student) -> None:
    layer = student.Scale(3, 2)
    for rows in (0, 1, 300):
        x = torch.randn(rows, 3)
        assert_close(layer(x), x @ layer.weight + layer.bias)
