"""1.1, 4.1 and 6.2: what the document asks for in numbers and lists."""

from __future__ import annotations

from hyperparameters import ASKED, named

from grader.checks import Student, assert_answer, award, check, expect


@check("1.1", points=0.5, title="How many convolutions RegressionCNN has")
def test_layers(student: Student) -> None:
    assert_answer(student, "1.1.layers")


@check("1.1", points=0.5, title="The filter size of each convolution of RegressionCNN")
def test_kernels(student: Student) -> None:
    assert_answer(student, "1.1.kernels")


@check("1.1", points=1, title="The number of filters of each convolution of RegressionCNN")
def test_filters(student: Student) -> None:
    assert_answer(student, "1.1.filters")


@check("4.1", points=0.15, title="Weights of a 3 x 3 convolution")
def test_weights_three(student: Student) -> None:
    assert_answer(student, "4.1.weights_3x3")


@check("4.1", points=0.15, title="Weights of a 5 x 5 convolution")
def test_weights_five(student: Student) -> None:
    assert_answer(student, "4.1.weights_5x5")


@check("4.1", points=0.2, title="Weights of a 3 x 3 convolution with dilation 1")
def test_weights_dilated(student: Student) -> None:
    assert_answer(student, "4.1.weights_dilated")


@check("4.1", points=0.1, title="Receptive field of a 3 x 3 convolution")
def test_field_three(student: Student) -> None:
    assert_answer(student, "4.1.field_3x3")


@check("4.1", points=0.1, title="Receptive field of a 5 x 5 convolution")
def test_field_five(student: Student) -> None:
    assert_answer(student, "4.1.field_5x5")


@check("4.1", points=0.3, title="Receptive field of a 3 x 3 convolution with dilation 1")
def test_field_dilated(student: Student) -> None:
    assert_answer(student, "4.1.field_dilated")


@check("6.2", points=1, title="Five hyperparameters that could be tuned")
def test_hyperparameters(student: Student) -> None:
    answer = student.answers().get("6.2.hyperparameters", "")
    text = ", ".join(map(str, answer)) if isinstance(answer, list | tuple) else str(answer)
    expect(bool(text.strip()), "There is no answer to 6.2.hyperparameters.")
    found = named(text)
    award(min(len(found), ASKED) / ASKED)
    expect(
        len(found) >= ASKED,
        f"Five different hyperparameters were asked for; {len(found)} were recognised in your answer.",
    )
