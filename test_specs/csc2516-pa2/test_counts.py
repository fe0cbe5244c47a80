"""A3 and B4: numbers that students enter. `make_questions.py` says what counts, and where the document errs."""

from __future__ import annotations

from grader.checks import Student, assert_answer, check


@check("A3", points=0.5, title="Number of weights, pictures of 32 x 32")
def test_weights_32(student: Student) -> None:
    assert_answer(student, "A3.weights_32")


@check("A3", points=0.5, title="Number of weights of each layer, pictures of 32 x 32")
def test_weights_32_rows(student: Student) -> None:
    assert_answer(student, "A3.weights_32_rows")


@check("A3", points=0.5, title="Number of outputs, pictures of 32 x 32")
def test_outputs_32(student: Student) -> None:
    assert_answer(student, "A3.outputs_32")


@check("A3", points=0.5, title="Number of outputs of each layer, pictures of 32 x 32")
def test_outputs_32_rows(student: Student) -> None:
    assert_answer(student, "A3.outputs_32_rows")


@check("A3", points=0.5, title="Number of connections, pictures of 32 x 32")
def test_connections_32(student: Student) -> None:
    assert_answer(student, "A3.connections_32")


@check("A3", points=0.5, title="Number of connections of each layer, pictures of 32 x 32")
def test_connections_32_rows(student: Student) -> None:
    assert_answer(student, "A3.connections_32_rows")


@check("A3", points=0.5, title="Number of weights, pictures of 64 x 64")
def test_weights_64(student: Student) -> None:
    assert_answer(student, "A3.weights_64")


@check("A3", points=0.5, title="Number of weights of each layer, pictures of 64 x 64")
def test_weights_64_rows(student: Student) -> None:
    assert_answer(student, "A3.weights_64_rows")


@check("A3", points=0.5, title="Number of outputs, pictures of 64 x 64")
def test_outputs_64(student: Student) -> None:
    assert_answer(student, "A3.outputs_64")


@check("A3", points=0.5, title="Number of outputs of each layer, pictures of 64 x 64")
def test_outputs_64_rows(student: Student) -> None:
    assert_answer(student, "A3.outputs_64_rows")


@check("A3", points=0.5, title="Number of connections, pictures of 64 x 64")
def test_connections_64(student: Student) -> None:
    assert_answer(student, "A3.connections_64")


@check("A3", points=0.5, title="Number of connections of each layer, pictures of 64 x 64")
def test_connections_64_rows(student: Student) -> None:
    assert_answer(student, "A3.connections_64_rows")


@check("B4", points=0.5, title="Padding of nn.Conv2d for kernel size 4")
def test_conv_padding_4(student: Student) -> None:
    assert_answer(student, "B4.conv_padding_4")


@check("B4", points=0.5, title="Padding of nn.ConvTranspose2d for kernel size 4")
def test_transpose_padding_4(student: Student) -> None:
    assert_answer(student, "B4.transpose_padding_4")


@check("B4", points=0.5, title="Output padding of nn.ConvTranspose2d for kernel size 4")
def test_transpose_output_padding_4(student: Student) -> None:
    assert_answer(student, "B4.transpose_output_padding_4")


@check("B4", points=0.5, title="Padding of nn.Conv2d for kernel size 5")
def test_conv_padding_5(student: Student) -> None:
    assert_answer(student, "B4.conv_padding_5")


@check("B4", points=0.5, title="Padding of nn.ConvTranspose2d for kernel size 5")
def test_transpose_padding_5(student: Student) -> None:
    assert_answer(student, "B4.transpose_padding_5")


@check("B4", points=0.5, title="Output padding of nn.ConvTranspose2d for kernel size 5")
def test_transpose_output_padding_5(student: Student) -> None:
    assert_answer(student, "B4.transpose_output_padding_5")
