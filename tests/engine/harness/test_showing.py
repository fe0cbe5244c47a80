"""Pictures and curves: what a check shows, and what it may not."""

from __future__ import annotations

import io
import json
import math

import numpy as np
import pytest
import torch
from PIL import Image

from grader.domain.check import Artifact, ArtifactKind, CheckResult, CheckStatus
from grader.engine.harness.job import result_from_plain, result_to_plain
from grader.engine.harness.showing import curve, grid, picture, take_artifacts


@pytest.fixture(autouse=True)
def _nothing_shown_yet():
    take_artifacts()
    yield
    take_artifacts()


def shown_pixels():
    (artifact,) = take_artifacts()
    assert artifact.kind is ArtifactKind.PICTURE
    return np.asarray(Image.open(io.BytesIO(artifact.content)))


def test_a_picture_is_a_png_of_its_pixels():
    pixels = torch.randint(0, 256, (700, 650, 3), dtype=torch.uint8)
    picture("photo", pixels, title="A photo")
    np.testing.assert_array_equal(shown_pixels(), pixels.numpy())


def test_a_grey_one_from_0_to_1_is_a_grey_png():
    picture("grey", torch.linspace(0, 1, 650).repeat(3, 1), title="Grey")
    pixels = shown_pixels()
    assert pixels.shape == (3, 650)
    assert (pixels[0, 0], pixels[0, 325], pixels[0, -1]) == (0, 128, 255)


def test_a_small_one_is_scaled_up_by_a_whole_number_and_keeps_its_colours():
    pixels = torch.randint(0, 256, (32, 20, 3), dtype=torch.uint8)
    picture("small", pixels, title="Small")
    shown = shown_pixels()
    assert shown.shape == (640, 400, 3)
    np.testing.assert_array_equal(shown[10::20, 10::20], pixels.numpy())


def test_wild_values_are_cut_off_and_change_no_verdict():
    values = torch.full((641, 641), 0.5)
    values[0, :4] = torch.tensor([math.nan, math.inf, -math.inf, 7.0])
    picture("wild", values, title="Wild")
    assert shown_pixels()[0, :5].tolist() == [0, 255, 0, 255, 128]


def test_a_gradient_is_no_hindrance():
    picture("leaf", torch.rand(641, 4, requires_grad=True).double(), title="Leaf")
    assert shown_pixels().shape == (641, 4)


@pytest.mark.parametrize(
    ("tensor", "words"),
    [
        (torch.zeros(4, 4, dtype=torch.int64), "uint8 or floating point"),
        (torch.zeros(3, 4, 4), "H x W x 3"),
        (torch.zeros(4), "H x W x 3"),
        (torch.zeros(1, 4, 4, 3), "H x W x 3"),
        (torch.zeros(2049, 1), "2048 pixels a side"),
        (torch.zeros(0, 4), "1 to 2048"),
        ([[0.0]], "not a list"),
    ],
)
def test_what_is_no_picture_is_a_mistake_of_the_spec(tensor, words):
    with pytest.raises(ValueError, match=words):
        picture("x", tensor, title="x")
    assert take_artifacts() == ()


@pytest.mark.parametrize("name", ["", "../x", "a/b", ".hidden", "a b", "ä", "x" * 61, "a\n"])
def test_a_name_is_safe_as_a_file_name(name):
    with pytest.raises(ValueError, match="cannot be an artifact's name"):
        picture(name, torch.zeros(2, 2), title="x")


def test_a_name_is_used_once_in_a_check():
    picture("x", torch.zeros(2, 2), title="x")
    with pytest.raises(ValueError, match="two artifacts called 'x'"):
        curve("x", [(0, 1)], title="x", y_label="y")


def test_a_seventh_is_too_much():
    for number in range(6):
        curve(f"c{number}", [(0, 1)], title="x", y_label="y")
    with pytest.raises(ValueError, match="at most 6"):
        curve("c6", [(0, 1)], title="x", y_label="y")
    assert len(take_artifacts()) == 6


def test_more_than_two_mebibytes_are_too_much():
    noise = torch.randint(0, 256, (700, 700, 3), dtype=torch.uint8)
    picture("one", noise, title="x")
    with pytest.raises(ValueError, match=r"at most 2097152 bytes; show a smaller 'two'"):
        picture("two", noise, title="x")
    assert [artifact.name for artifact in take_artifacts()] == ["one"]


def test_a_curve_is_its_numbers_with_gaps_where_there_are_none():
    points = ((20, 3.0), (40, math.nan), (60, math.inf), (80, 1.5))
    curve("loss", points, title="A\ncurve", y_label="loss", threshold=1.9, direction="below", band=(1.5, 1.7))
    (artifact,) = take_artifacts()
    assert (artifact.kind, artifact.title) == (ArtifactKind.CURVE, "A curve")
    assert json.loads(artifact.content.decode()) == {
        "x": [20, 40, 60, 80], "y": [3.0, None, None, 1.5], "x_label": "step", "y_label": "loss",
        "threshold": 1.9, "direction": "below", "band": [1.5, 1.7],
    }  # fmt: skip


def test_a_bare_curve_has_nulls():
    curve("loss", [], title="x", y_label="y")
    content = json.loads(take_artifacts()[0].content)
    assert (content["threshold"], content["direction"], content["band"], content["x"]) == (None, None, None, [])


@pytest.mark.parametrize(
    "wrong",
    [{"threshold": math.nan}, {"direction": "up"}, {"band": (2, 1)}, {"band": (1, math.inf)}, {"points": [(math.nan, 1)]}],
)  # fmt: skip
def test_a_curve_that_cannot_be_drawn_is_a_mistake_of_the_spec(wrong):
    with pytest.raises(ValueError):
        curve("x", **{"points": [(0, 1)], "title": "x", "y_label": "y", **wrong})


def test_a_grid_has_its_images_in_rows_with_white_between():
    images = torch.arange(5, dtype=torch.uint8)[:, None, None, None].expand(5, 3, 4, 6) * 10
    made = grid(images, 3)
    assert (made.shape, made.dtype) == ((10, 22, 3), torch.uint8)
    assert [int(made[0, 0, 0]), int(made[0, 8, 1]), int(made[3, 21, 2])] == [0, 10, 20]
    assert [int(made[6, 0, 0]), int(made[9, 13, 0])] == [30, 40]
    assert made[4:6].unique().tolist() == made[:4, 6:8].unique().tolist() == made[6:, 14:].unique().tolist() == [255]


def test_a_grid_takes_grey_and_floating_point():
    made = grid(torch.full((2, 1, 3, 3), 0.5), 10)
    assert made.shape == (3, 8, 3)
    assert made[0, 0].tolist() == [128, 128, 128]


@pytest.mark.parametrize("images", [torch.zeros(2, 2, 3, 3), torch.zeros(3, 3, 3), torch.zeros(0, 3, 3, 3), "x"])
def test_what_is_no_batch_of_images_makes_no_grid(images):
    with pytest.raises(ValueError, match="N x 3 x H x W"):
        grid(images, 2)
    with pytest.raises(ValueError, match="at least one column"):
        grid(torch.zeros(1, 3, 2, 2), 0)


def test_artifacts_survive_the_way_to_the_worker():
    result = CheckResult(
        id="A1.x", part="A1", title="x", status=CheckStatus.FAILED, points=0.0, max_points=1.0,
        artifacts=(Artifact(name="a", kind=ArtifactKind.CURVE, title="t", content=b"\x00{}"),),
    )  # fmt: skip
    plain = result_to_plain(result)
    assert plain["artifacts"] == [{"name": "a", "kind": "curve", "title": "t", "content": b"\x00{}"}]
    assert type(plain["artifacts"][0]["kind"]) is str and type(plain["status"]) is str
    assert result_from_plain(plain) == result
    del plain["artifacts"]
    assert result_from_plain(plain).artifacts == ()


SPEC = """
@check("A1", points=1, title="shows and fails")
def test_shows(student):
    bound = threshold_facts("cnn")
    picture("out", student.paint(), title="What it paints")
    curve("loss", [(1, 2.0)], title="Loss", y_label=bound.metric, threshold=bound.value,
          direction=bound.direction, band=bound.band)
    fail("ugly")

@check("A1", points=1, title="shows nothing")
def test_shows_nothing(student):
    assert student.paint().shape == (2, 2, 3)

@check("A1", points=1, title="shows too much")
def test_shows_too_much(student):
    for number in range(7):
        picture(f"p{number}", torch.zeros(2, 2), title="x")
"""


def test_a_check_shows_its_own_artifacts_though_it_fails(bench, by_id):
    stored = {
        "metric": "cross-entropy", "value": 1.9, "direction": "below", "reference_mean": 1.6, "reference_spread": 0.05,
        "seeds": 6, "best_broken": None, "data_sha256": "",
    }  # fmt: skip
    code = "def paint():\n    return torch.ones(2, 2, 3)\n"
    results = by_id(bench.judge(SPEC, code, {"A1": (3, 3.0)}, thresholds={"cnn": stored}))
    shows = results["A1.shows"]
    assert (str(shows.status), [(one.name, one.title) for one in shows.artifacts]) == (
        "failed", [("out", "What it paints"), ("loss", "Loss")],
    )  # fmt: skip
    assert shows.artifacts[0].content.startswith(b"\x89PNG")
    drawn = json.loads(shows.artifacts[1].content)
    assert (drawn["y_label"], drawn["threshold"], drawn["direction"]) == ("cross-entropy", 1.9, "below")
    assert drawn["band"] == pytest.approx([1.5, 1.7])
    assert results["A1.shows-nothing"].artifacts == ()
    assert str(results["A1.shows-too-much"].status) == "error"
    assert "at most 6" in results["A1.shows-too-much"].detail
