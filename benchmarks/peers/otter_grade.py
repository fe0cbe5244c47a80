"""`otter grade` itself, but for the building of its image, which would fetch Miniforge: run by the peers' Python.

python otter_grade.py IMAGE AUTOGRADER.zip OUTPUT_FOLDER CONTAINERS HAND_IN.ipynb...
"""

import sys

from otter.grade import containers, main


def build() -> None:
    """Grade as the command does, with an image that was built from the same zip."""
    image, autograder, output, count, *paths = sys.argv[1:]
    containers.build_image = lambda *_, **__: image
    main(
        name="hw",
        paths=paths,
        output_dir=output,
        autograder=autograder,
        containers=int(count),
        no_network=True,
        timeout=120,
    )


if __name__ == "__main__":
    build()
