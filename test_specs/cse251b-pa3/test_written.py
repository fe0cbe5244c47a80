"""Part I: what is worked out by hand, compared with the arithmetic of make_questions.py."""

from __future__ import annotations

from grader.checks import Student, assert_answer, award, check


def _answers(student: Student, *questions: str) -> None:
    """All of these answers are right; each that is right before the first wrong one counts."""
    for number, question in enumerate(questions):
        award(number / len(questions))
        assert_answer(student, question)


@check("I.1", points=1, title="The first channel after its sub-filter")
def test_channel1(student: Student) -> None:
    assert_answer(student, "I.1.channel1")


@check("I.1", points=1, title="The second channel after its sub-filter")
def test_channel2(student: Student) -> None:
    assert_answer(student, "I.1.channel2")


@check("I.1", points=1, title="The output feature map of the convolution")
def test_output(student: Student) -> None:
    assert_answer(student, "I.1.output")


@check("I.3", points=1, title="The patch that excites the first sub-filter most")
def test_patch1(student: Student) -> None:
    assert_answer(student, "I.3.patch1")


@check("I.3", points=1, title="The patch that excites the second sub-filter most")
def test_patch2(student: Student) -> None:
    assert_answer(student, "I.3.patch2")


@check("I.4", points=2, title="The output feature map after max pooling")
def test_pooled(student: Student) -> None:
    assert_answer(student, "I.4.output")


@check("I.5", points=1, title="The channels after dilated convolution")
def test_dilated_channels(student: Student) -> None:
    _answers(student, "I.5.channel1", "I.5.channel2")


@check("I.5", points=1, title="The output feature map of the dilated convolution")
def test_dilated_output(student: Student) -> None:
    assert_answer(student, "I.5.output")


@check("I.6", points=1, title="(a) The filters of conv1, conv2 and conv3")
def test_filters(student: Student) -> None:
    _answers(student, "I.6.conv1_filter", "I.6.conv2_filter", "I.6.conv3_filter")


@check("I.6", points=1, title="(b) The output of conv1")
def test_conv1(student: Student) -> None:
    assert_answer(student, "I.6.conv1")


@check("I.6", points=1, title="(c) The output of conv2")
def test_conv2(student: Student) -> None:
    assert_answer(student, "I.6.conv2")


@check("I.6", points=1, title="(d) The output of the max pooling")
def test_maxpool(student: Student) -> None:
    assert_answer(student, "I.6.maxpool")


@check("I.6", points=1, title="(e) The output of conv3")
def test_conv3(student: Student) -> None:
    assert_answer(student, "I.6.conv3")


@check("I.6", points=1, title="(f) Inputs and outputs of fc1 and fc2")
def test_linear(student: Student) -> None:
    _answers(student, "I.6.fc1_in", "I.6.fc1_out", "I.6.fc2_in", "I.6.fc2_out")
