"""Makes the pictures of docs/screenshots: `python -m tests.web.screenshots [FOLDER] [--all]`.

Starts a PostgreSQL and a server of its own, fills them with a course as it looks in the middle of a term, and takes the
pages with headless Chromium. `--all` takes every page, at the width of a phone and of a desk, light and dark, to look at.
"""

from __future__ import annotations

import random
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from grader.domain.check import Stage
from grader.domain.course import Role
from grader.domain.ids import PersonId
from grader.local.postgres import PrivatePostgres
from grader.service import accounts, assignments, gradebook, items, sheets, trials
from grader.storage import schema
from grader.storage.blobs import Blobs
from grader.storage.database import Database
from grader.storage.models import RunRow, SubmissionRow
from tests import builders
from tests.api.serving import InThread, settings_for
from tests.web.scene import PASSWORD, Scene, a_real_scene, failed, like_a_student, passed
from tests.web.test_pages_sheets import MADE, read_by_a_person

DESK, PHONE = {"width": 1280, "height": 900}, {"width": 390, "height": 844}
_GIVEN = [
    "Ada",
    "Alan",
    "Barbara",
    "Claude",
    "Donald",
    "Edsger",
    "Emmy",
    "Frances",
    "Grace",
    "Hedy",
    "Ida",
    "John",
    "Katherine",
    "Lotfi",
    "Margaret",
    "Niklaus",
]
_FAMILY = [
    "Allen",
    "Aydın",
    "Berger",
    "Çelik",
    "Demir",
    "Ekinci",
    "Fischer",
    "Güneş",
    "Hopper",
    "Işık",
    "Kaya",
    "Lamarr",
    "Mutlu",
    "Noether",
    "Öztürk",
    "Perlis",
]


def fill(scene: Scene) -> dict[str, str]:
    """People and hand-ins; addresses of the pages that show them."""
    dice = random.Random(7)
    me = "Ada Lovelace"
    scene.person(me, section="Morning", student_number="20271815")
    scene.person("Ines Instructor", Role.INSTRUCTOR)
    for index in range(64):
        given, family = _GIVEN[index % 16], _FAMILY[(index * 5 + index // 16) % 16]
        scene.person(
            f"{given} {family}",
            email=f"{given}.{index}@example.org".lower(),
            section=("Morning", "Evening")[index % 2],
            student_number=f"2027{1000 + index}",
        )
    names = [name for name in scene.people if name not in (me, "Ines Instructor")]
    for index, name in enumerate(names[:54]):
        scene.hand_in(name, b"# by %d\n" % index, "cnn.py")
        if index == 17:
            scene.fail("The sandbox could not be started: no space left on device.")
        elif index == 23:
            scene.reject("There is no code (.ipynb or .py) in the zip file, only practical2-report.pdf.")
        else:
            scene.grade(like_a_student(scene.plan, dice.betavariate(5, 2), dice))
    addresses = {"own": _own(scene, me)}
    _stretch_times(scene, dice)
    _others(scene)
    for name in (me, "Ines Instructor"):
        scene.password(name)
    return addresses


def _own(scene: Scene, me: str) -> str:
    """Three hand-ins of one student, the last of them graded with two checks lost."""
    scene.hand_in(me, b"# first\n", "cnn.py")
    scene.reject("There is no code (.ipynb or .py) in ada-lovelace-practical2.zip, only practical2-report.pdf.")
    scene.hand_in(me, b"# second\n", "cnn.py")
    scene.grade([failed(check) if check.part in ("B1", "C2") else passed(check) for check in scene.plan])
    receipt = scene.hand_in(me)
    lost = {
        "A1": "The batch normalisation of the second block sees 12 channels, but 24 come in.",
        "C2": "Expected only the last layer's parameters to change; down1.0.weight changed, too.",
    }
    results = []
    for check in scene.plan:
        message = lost.pop(check.part, "") if check.stage is Stage.UNIT and check.points > 0.5 else ""
        results.append(
            failed(check, message, output="block 2: torch.Size([2, 12, 16, 16])\n", seconds=0.34)
            if message
            else passed(check, message="Reached 1.62 after 84 of 120 steps." if check.stage is Stage.TRAIN else "")
        )
    scene.grade(results, pictures=True, notes=("2 files left by the system in the zip file were ignored.",))
    return receipt.id


def _stretch_times(scene: Scene, dice: random.Random) -> None:
    """Hand-ins of three days, not of three seconds, each graded within a minute."""
    with scene.database.begin() as work:
        rows = work.session.query(SubmissionRow).order_by(SubmissionRow.received_at).all()
        for row, hours in zip(rows, sorted((dice.uniform(1, 80) for _ in rows), reverse=True), strict=True):
            received_at = datetime.now(UTC) - timedelta(hours=hours)
            work.session.query(SubmissionRow).filter_by(id=row.id).update({"received_at": received_at})
            finished_at = received_at + timedelta(seconds=dice.gauss(34, 6))
            work.session.query(RunRow).filter_by(submission_id=row.id).update(
                {"created_at": received_at, "started_at": received_at, "finished_at": finished_at}
            )
        for person in scene.people.values():
            gradebook.refresh(work, scene.assignment.id, f"p{person.id}")


def _others(scene: Scene) -> None:
    """More assignments for the first page, and an override."""
    soon = datetime.now(UTC).replace(minute=59, second=0)
    titles = {
        "Practical 1: Word Embeddings": timedelta(days=-20),
        "Practical 3: Attention in Translation": timedelta(days=24, hours=3),
        "Practical 4: Generating Pictures": timedelta(days=45),
    }
    with scene.database.begin() as work:
        made = {
            title: builders.an_assignment(
                work, scene.course, slug=f"practical{number}", title=title, due_at=soon + away, uploads_per_day=10
            )
            for number, (title, away) in zip((1, 3, 4), titles.items(), strict=True)
        }
        reader = accounts.reader_for(work, PersonId(scene.people["Ines Instructor"].id))
        lucky = next(row for name, row in scene.people.items() if name.startswith("Grace"))
        gradebook.override(
            work,
            reader,
            scene.assignment,
            PersonId(lucky.id),
            score=36,
            reason="Oral exam on 12 March: explained B1 well.",
        )
    plain = Scene(
        scene.database, scene.blobs, scene.course, made["Practical 3: Attention in Translation"], builders.a_plan()
    )
    plain.people = scene.people
    plain.hand_in("Ada Lovelace", b"# attention\n", "attention.py")
    plain.grade([passed(check) for check in builders.a_plan()])


@contextmanager
def running() -> Iterator[tuple[Any, str, Scene]]:
    """(browser, the server's address, the course)."""
    from playwright.sync_api import sync_playwright

    folder = Path(tempfile.mkdtemp(prefix="pages-"))
    postgres = PrivatePostgres(folder, durable=False)
    postgres.start()
    try:
        url = postgres.url
        schema.upgrade(url)
        database = Database(url)
        blobs = folder / "blobs"
        with InThread(settings_for(url, blobs)) as server, sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
            yield browser, server.url, a_real_scene(database, Blobs(str(blobs)))
            browser.close()
        database.close()
    finally:
        postgres.stop()
        shutil.rmtree(folder, ignore_errors=True)


def sign_in(page: Any, url: str, email: str) -> None:
    page.goto(f"{url}/sign-in")
    page.get_by_label("E-mail address").fill(email)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(f"{url}/")


def half_graded(scene: Scene) -> str:
    """A submission in the middle of its unit stage; another waits behind it."""
    receipt = scene.hand_in("Ada Lovelace", b"# live\n", "cnn.py")
    claim = scene.claim()
    lease = scene.pass_gate(claim)
    results = [passed(check) for check in scene.plan if check.stage is not Stage.TRAIN][:16]
    results[9] = failed(scene.plan[9], "The layers have the sizes 24, 48, 48; the diagram asks for 24, 48, 24.")
    scene.record(lease, results)
    return receipt.id


def _graded_by_persons(scene: Scene, staff: str) -> dict[str, tuple[str, str]]:
    """An essay with a report, the pages where it is graded, and a spec version on trial."""
    handed = read_by_a_person(scene)
    with scene.database.begin() as work:
        reader = accounts.reader_for(work, PersonId(scene.people["Ines Instructor"].id))
        read = assignments.offered(work, reader, "read")
        wanted = sheets.claim(work, worker="one", assignment=read.id)
    Scene(scene.database, scene.blobs, scene.course, read, builders.a_plan()).grade(
        [passed(check) for check in builders.a_plan()]
    )
    assert wanted is not None and sheets.keep(scene.database, scene.blobs, wanted, MADE, "test")
    with scene.database.begin() as work:
        for label, points in (
            ("names the drop after epoch 12", 2.0),
            ("compares both curves", 1.0),
            ("no units", -0.5),
        ):
            items.add_line(work, reader, read, "A.curve", label=label, points=points)
        items.keep_comment(work, reader, read, "A.curve", "Say what the axes are.")
        trial = trials.begin(work, reader, read, read.spec, reason="A1 took (H, W) for (W, H); corrected.")
    return {
        "grading": (staff, "/assignments/read/grading"),
        "grading-item": (staff, f"/assignments/read/grading/A.curve/{handed.id}"),
        "sheets": (staff, f"/submissions/{handed.id}/sheets"),
        "trial": (staff, f"/assignments/read/trials/{trial.id}"),
    }


def main(arguments: list[str]) -> None:
    everything = "--all" in arguments
    named = [argument for argument in arguments if not argument.startswith("--")]
    folder = Path(named[0] if named else "docs/screenshots")
    folder.mkdir(parents=True, exist_ok=True)
    with running() as (browser, url, scene):
        own = fill(scene)["own"]
        student, staff = "ada.lovelace@example.org", "ines.instructor@example.org"
        live = half_graded(scene)
        pages: dict[str, tuple[str, str]] = {
            "assignments": (student, "/"),
            "submission-live": (student, f"/submissions/{live}"),
            "submission": (student, f"/submissions/{own}"),
            "submission-curve": (student, f"/submissions/{own}#part-3"),
            "gradebook": (staff, "/assignments/practical2/gradebook"),
            "statistics": (staff, "/assignments/practical2/statistics"),
        }
        if everything:
            grace = next(row.id for name, row in scene.people.items() if name.startswith("Grace"))
            pages |= {
                "assignment": (student, "/assignments/practical2"),
                "receipt": (student, f"/submissions/{own}/receipt"),
                "tokens": (student, "/tokens"),
                "error": (student, "/nowhere"),
                "home-staff": (staff, "/"),
                "course": (staff, "/courses/cmp784"),
                "assignment-staff": (staff, "/assignments/practical2"),
                "roster": (staff, "/courses/cmp784/roster"),
                "submission-staff": (staff, f"/submissions/{own}"),
                "code": (staff, f"/submissions/{own}/code"),
                "runs": (staff, f"/submissions/{own}/runs"),
                "person": (staff, f"/assignments/practical2/people/{grace}"),
                "rerun-all": (staff, "/assignments/practical2/rerun"),
                "late": (staff, "/assignments/practical2/late"),
                "regrades": (staff, "/courses/cmp784/regrades"),
                "regrade-ask": (student, f"/submissions/{own}/regrade"),
                "similarity": (staff, "/assignments/practical2/similarity"),
                "term": (staff, "/courses/cmp784/gradebook"),
                "notices": (staff, "/courses/cmp784/notices"),
                "mail": (student, "/mail"),
                **_graded_by_persons(scene, staff),
            }
        looks: list[tuple[str, dict[str, int], str, Callable[[str], bool]]] = [
            ("", DESK, "light", lambda name: True),
            ("-dark", DESK, "dark", lambda name: everything or name == "submission"),
            ("-phone", PHONE, "light", lambda name: everything or name == "submission-live"),
        ]
        for suffix, viewport, scheme, wanted in looks:
            for email in (student, staff):
                context = browser.new_context(viewport=viewport, color_scheme=scheme, locale="en-GB")
                page = context.new_page()
                sign_in(page, url, email)
                for name, (whose, path) in pages.items():
                    if whose == email and wanted(name):
                        page.goto(url + path)
                        page.wait_for_function("document.fonts.ready.then(() => true)")
                        page.screenshot(path=folder / f"{name}{suffix}.png", full_page=everything)
                context.close()
        if everything:
            page = browser.new_page(viewport=DESK)
            page.goto(f"{url}/sign-in")
            page.screenshot(path=folder / "sign-in.png")


if __name__ == "__main__":
    main(sys.argv[1:])
