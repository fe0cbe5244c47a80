from tests.attacks.archives import uploaded
from tests.attacks.idea import Idea

IDEA = Idea(
    name="archive_shadowing",
    family="archive",
    what="Bring files that stand for the grader's, torch's and Python's own modules",
    upload=uploaded(
        *(
            (name, b"raise SystemExit")
            for name in (
                "grader/__init__.py",
                "msgpack.py",
                "sitecustomize.py",
                "usercustomize.py",
                "torch/__init__.py",
                "conftest.py",
                "pytest.py",
                "random.py",
                "numpy.py",
                "typing.py",
            )
        )
    ),
)
