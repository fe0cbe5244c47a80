"""The checks of `plain.py`, as ours are written."""

from __future__ import annotations

import torch
import torch.nn.functional as F

from grader.checks import Student, assert_close, check, expect, stop, tensor

CODE_WORD = "CODE-0123456789abcdef"


@check("all", points=2, title="Scale computes x W + b")
def test_output(student: Student) -> None:
    layer = student.Scale(7, 5)
    x = torch.randn(4, 7)
    assert_close(layer(x), x @ layer.weight + layer.bias)


@check("all", points=3, title="Scale has the right gradients")
def test_gradients(student: Student) -> None:
    layer = student.Scale(3, 2).double()
    x = torch.randn(2, 3, dtype=torch.float64, requires_grad=True)
    expect(
        bool(torch.autograd.gradcheck(lambda given, *_: layer(given), (x, layer.weight, layer.bias))),
        "Wrong gradients.",
    )
    assert_close(layer(x), x @ layer.weight + layer.bias)


@check("all", points=1, title="Scale has as many weights as it needs")
def test_count(student: Student) -> None:
    expect(student.Scale(7, 5).describe().count == 40, "The number of weights is not right.")


@check("all", points=3, title="smooth is a moving average")
def test_fresh(student: Student) -> None:
    for _ in range(8):
        x = torch.randn(int(torch.randint(5, 40, ())))
        assert_close(student.smooth(x), F.avg_pool1d(x[None], 3, stride=1)[0])


@check("all", points=4, title="Net learns")
def test_training(student: Student) -> None:
    centres = 4 * torch.randn(3, 6)
    labels, held_out_labels = torch.randint(0, 3, (90,)), torch.randint(0, 3, (90,))
    inputs, held_out = centres[labels] + torch.randn(90, 6), centres[held_out_labels] + torch.randn(90, 6)
    model = student.Net(6, 3)
    student.fit(model, inputs, labels, lr=0.05, batch_size=90, steps=60, report_every=60, budget_s=8)
    scores = tensor(student.predict(model, held_out), shape=(90, 3))
    expect((scores.argmax(1) == held_out_labels).double().mean().item() > 0.9, "The network does not learn.")


@check("all", points=2, title="The optimiser gets the last layer only")
def test_optimiser(student: Student) -> None:
    model = student.Net(6, 3)
    replay = student.replay(call=student.setup, args=(model,), intercept={"torch.optim.Adam": stop()})
    expect(bool(replay.records), "No optimiser was made.")
    given = replay.records[0].args[0] if replay.records[0].args else replay.records[0].kwargs.get("params")
    expect(student.match_parameters(given, model) == ["last.weight", "last.bias"], "Other parameters were given.")


@check("all", points=2, title="Scale takes any number of rows")
def test_sizes(student: Student) -> None:
    layer = student.Scale(3, 2)
    for rows in (0, 1, 300):
        x = torch.randn(rows, 3)
        assert_close(layer(x), x @ layer.weight + layer.bias)


@check("all", points=3, title="The word that only the tests know")
def test_code_word(student: Student) -> None:
    expect(student.code_word() == CODE_WORD, "That is not the word.")
