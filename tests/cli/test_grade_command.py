from __future__ import annotations

import csv
import io
import json
import zipfile
from xml.etree import ElementTree as ET

import pytest

pytestmark = pytest.mark.usefixtures("root")


class TestExitStatus:
    def test_0_when_all_are_graded_whatever_the_score(self, grader, engine, hand_in):
        assert grader("grade", hand_in("ada.zip"), "-a", "hw1")[0] == 0

    def test_2_when_one_is_unusable_and_the_others_are_graded(self, grader, engine, hand_in, tmp_path):
        status, out, _ = grader(
            "grade", hand_in("empty.zip"), tmp_path / "nowhere.zip", hand_in("ada.zip"), "-a", "hw1"
        )
        assert status == 2
        assert "does not exist" in out
        assert [name for name, *_ in engine.graded] == ["empty.zip", "ada.zip"]

    @pytest.mark.parametrize("name", ["broken.zip", "buggy.zip"])
    def test_3_when_the_grader_failed_on_one_and_the_others_are_graded(self, grader, engine, hand_in, name):
        status, out, err = grader("grade", hand_in(name), hand_in("ada.zip"), "-a", "hw1", "--json")
        assert status == 3
        assert [json.loads(line)["status"] for line in out.splitlines()] == ["failed", "graded"]
        assert "Traceback" not in err

    @pytest.mark.usefixtures("no_sandbox")
    def test_3_without_a_sandbox_in_one_sentence(self, grader, hand_in):
        status, out, err = grader("grade", hand_in("ada.zip"), "-a", "hw1")
        assert (status, out, err) == (3, "", "grader: No sandbox is available; install bubblewrap.\n")

    @pytest.mark.parametrize(
        "arguments",
        [["grade"], ["grade", "x.zip"], ["grade", "x.zip", "-a", "nothing"], ["nonsense"], ["grade", "x", "-a", "hw1", "--jobs", "0"],
         ["grade", "x", "-a", "hw1", "--sandbox", "chroot"], ["grade", "x", "-a", "hw1", "--no-such-option"], ["spec", "check"],
         ["spec", "check", "hw1", "--all"], ["spec", "calibrate", "nothing"]],
    )  # fmt: skip
    def test_2_for_arguments_that_make_no_sense(self, grader, engine, arguments):
        status, out, err = grader(*arguments)
        assert status == 2
        assert out == ""
        assert err
        assert "Traceback" not in err

    def test_3_for_a_broken_spec(self, grader, engine, hand_in, root):
        (root / "hw1" / "assignment.toml").write_text("slug = ")
        status, _, err = grader("grade", hand_in("ada.zip"), "-a", "hw1")
        assert status == 3
        assert err.count("\n") == 1

    def test_a_fault_of_ours_is_one_sentence_and_a_traceback_only_on_demand(self, grader, hand_in, monkeypatch):
        def faulty(**_):
            raise KeyError("a\nb")

        monkeypatch.setattr("grader.cli.batch.open_engine", faulty)
        status, _, err = grader("grade", hand_in("ada.zip"), "-a", "hw1")
        assert status == 3
        assert err.count("\n") == 1
        assert "a fault of its own (KeyError" in err
        monkeypatch.setenv("GRADER_DEBUG", "1")
        assert "Traceback" in grader("grade", hand_in("ada.zip"), "-a", "hw1")[2]


class TestJson:
    def test_one_hand_in_is_one_object_without_its_name(self, grader, engine, hand_in):
        _, out, err = grader("grade", hand_in("ada.zip"), "-a", "hw1", "--json")
        assert len(out.splitlines()) == 1
        assert json.loads(out)["status"] == "graded"
        assert "file" not in json.loads(out)
        assert err == ""

    def test_several_are_lines_in_the_order_given_however_long_each_takes(self, grader, engine, hand_in):
        paths = [hand_in("slow.zip"), hand_in("b.zip"), hand_in("empty.zip"), hand_in("c.zip")]
        _, out, _ = grader("grade", *paths, "-a", "hw1", "--json", "--jobs", "3")
        assert [json.loads(line)["file"] for line in out.splitlines()] == [str(path) for path in paths]
        assert engine.opened == {"sandbox": None, "jobs": 3, "expected": 4}


class TestCards:
    def test_a_card_shows_marks_checks_items_notes(self, grader, engine, hand_in):
        _, out, _ = grader("grade", hand_in("ada.zip"), "-a", "hw1")
        for words in (
            "2 / 7 points", "mark 2 (partly)", "✓", "✗", "⧗", "MyConv2d equals a reference", "Wrong shape.", "hello",
            "shown after the due date", "staff only", "A1.essay  Read this", "Note: A note.", "1.75 s",
            "A part [bold]of[/bold] brackets", "not final: 1 check was left out",
        ):  # fmt: skip
            assert words in out

    def test_what_a_student_wrote_is_never_markup_nor_control(self, grader, engine, hand_in, monkeypatch):
        from tests.report_samples import a_report, a_result

        evil = a_result(status="failed", message="[red]x[/red] \x1b[2J[link=http://x]y")
        evil = type(evil)(
            **{name: getattr(evil, name) for name in evil.__slots__} | {"status": a_report().checks[1].status}
        )
        monkeypatch.setattr(engine, "grade", lambda *_: a_report(checks=(evil,)))
        _, out, _ = grader("grade", hand_in("[bold]ada.zip"), "-a", "hw1")
        assert "[red]x[/red] [2J[link=http://x]y" in out
        assert "[bold]ada.zip" in out
        assert "\x1b[2J" not in out

    def test_several_end_in_a_table(self, grader, engine, hand_in):
        _, out, _ = grader("grade", hand_in("ada.zip"), hand_in("empty.zip"), "-a", "hw1")
        table = out[out.rindex("hand-in") :]
        assert "2 / 7" in table
        assert "empty.zip: The zip file is empty." in table


class TestFolders:
    def test_each_zip_notebook_and_script_of_a_folder_is_a_hand_in(self, grader, engine, hand_in, tmp_path):
        for name in ("c/B.ZIP", "c/a.ipynb", "c/d.py", "c/notes.txt", "c/.DS_Store", "c/report.pdf"):
            hand_in(name)
        _, out, _ = grader("grade", tmp_path / "c", "-a", "hw1", "--json")
        names = [json.loads(line)["file"].rpartition("/")[2] for line in out.splitlines()]
        assert names == ["B.ZIP", "a.ipynb", "d.py"]

    def test_a_folder_with_code_and_report_and_no_zip_is_one_unpacked_hand_in(self, grader, engine, hand_in, tmp_path):
        for name in ("ada/cnn.ipynb", "ada/report.pdf", "ada/more/x.py", "ada/__pycache__/y.pyc"):
            hand_in(name)
        assert grader("grade", tmp_path / "ada", "-a", "hw1")[0] == 0
        ((name, content, _),) = engine.graded
        assert name == "ada.zip"
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            assert archive.namelist() == ["cnn.ipynb", "more/x.py", "report.pdf"]

    def test_a_folder_of_folders_is_looked_into_once(self, grader, engine, hand_in, tmp_path):
        for name in ("m/ada_1/work.zip", "m/bob_2/cnn.ipynb", "m/bob_2/report.pdf", "m/deep/deeper/x.zip"):
            hand_in(name)
        grader("grade", tmp_path / "m", "-a", "hw1")
        assert [name for name, *_ in engine.graded] == ["work.zip", "bob_2.zip"]

    def test_an_empty_folder_is_said_to_be_one(self, grader, engine, tmp_path):
        (tmp_path / "none").mkdir()
        status, _, err = grader("grade", tmp_path / "none", "-a", "hw1")
        assert status == 2
        assert "holds no .zip, .ipynb or .py file" in err

    def test_a_file_too_large_to_read_is_not_read(self, grader, engine, hand_in):
        status, out, _ = grader("grade", hand_in("ada.zip", b"x" * 200_000), "-a", "hw1")
        assert status == 2
        assert "more than the" in out
        assert engine.graded == []


class TestFiles:
    def test_one_hand_in_writes_the_files_named(self, grader, engine, hand_in, tmp_path):
        grader("grade", hand_in("ada.zip"), "-a", "hw1", "--csv", tmp_path / "t.csv", "--junit", tmp_path / "j.xml",
               "--gradescope", tmp_path / "results.json")  # fmt: skip
        assert json.loads((tmp_path / "results.json").read_text())["score"] == 2.0
        assert ET.parse(tmp_path / "j.xml").getroot().get("tests") == "4"
        row = next(csv.DictReader(io.StringIO((tmp_path / "t.csv").read_text())))
        assert (row["score"], row["A1"]) == ("2.0", "2.0")

    def test_several_write_into_a_folder_one_each(self, grader, engine, hand_in, tmp_path):
        grader("grade", hand_in("a/x.zip"), hand_in("b/x.zip"), "-a", "hw1", "--junit", tmp_path / "j", "--gradescope",
               tmp_path / "g")  # fmt: skip
        assert sorted(path.name for path in (tmp_path / "j").iterdir()) == ["x.zip-2.xml", "x.zip.xml"]
        assert sorted(path.name for path in (tmp_path / "g").iterdir()) == ["x.zip-2.json", "x.zip.json"]

    def test_an_impossible_place_is_refused_before_grading(self, grader, engine, hand_in, tmp_path):
        status, _, err = grader("grade", hand_in("ada.zip"), "-a", "hw1", "--csv", tmp_path / "no" / "t.csv")
        assert status == 2
        assert "does not exist" in err
        assert engine.graded == []


class TestOptions:
    def test_choices_reach_the_engine(self, grader, engine, hand_in):
        grader(
            "grade", hand_in("ada.zip"), "-a", "hw1", "--only", "A1", "--only", "B*", "--no-train", "--sandbox", "bwrap"
        )
        options = engine.graded[0][2]
        assert (options.only, options.train, engine.opened["sandbox"]) == (("A1", "B*"), False, "bwrap")

    def test_progress_ticks_on_a_terminal_only(self, grader, engine, hand_in, monkeypatch):
        monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
        monkeypatch.setenv("FORCE_COLOR", "1")
        status, _, err = grader(
            "grade", hand_in("ada.zip"), hand_in("[x].zip"), hand_in("ada.zip"), "-a", "hw1", "--json", "-j", "3"
        )
        assert status == 0
        assert err
