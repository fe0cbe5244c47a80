"""`python -m grader.engine.harness SOCKET`. Imports run without garbage collection: a third less time."""

import gc

gc.disable()

from grader.engine.harness.serve import main  # noqa: E402

main()
