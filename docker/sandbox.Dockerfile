# What a submission runs in: Python, what it may import, the probe. No shell, no pip, no compiler, no hidden test, no root.
# Built by docker/build-sandbox.sh, which sends exactly the files named below; or by hand from the repository root:
#   docker build -f docker/sandbox.Dockerfile -t grader-sandbox:latest .
# BASE_IMAGE may be a python:slim image, or a Debian or Ubuntu with python3 and python3-pip.
ARG BASE_IMAGE=python:3.11-slim

FROM ${BASE_IMAGE} AS system
COPY docker/slim.py /build/slim.py
RUN python3 /build/slim.py system /out

FROM ${BASE_IMAGE} AS packages
# For example --extra-index-url https://..., or --no-index when docker/wheels holds everything.
ARG PIP_ARGS=""
# The glob copies the wheels where there are some, and is content without them.
COPY docker/sandbox-requirements*.txt docker/sandbox-constraints.txt docker/wheels* /build/
RUN PIP_CONSTRAINT=/build/sandbox-constraints.txt && export PIP_CONSTRAINT \
 && python3 -m pip install --no-cache-dir --find-links /build ${PIP_ARGS} --target /opt/packages \
        -r /build/sandbox-requirements.txt \
 && python3 -m pip install --no-cache-dir --find-links /build ${PIP_ARGS} --target /opt/packages --no-deps \
        -r /build/sandbox-requirements-nodeps.txt
# Compiled at once: a sandbox writes no file. What does not compile is an example of some package.
COPY docker/slim.py /build/slim.py
RUN python3 /build/slim.py packages /opt/packages \
 && { python3 -m compileall -q -j 0 /opt/packages >/dev/null || test -d /opt/packages/torch; }

# What the worker's image is built on, too: both compute with the same interpreter and the same torch.
FROM scratch AS runtime
COPY --from=system /out /
COPY --from=packages /opt/packages /opt/packages
ENV PATH=/usr/local/bin:/usr/bin LANG=C.UTF-8 PYTHONDONTWRITEBYTECODE=1

FROM runtime
USER 65534:65534
WORKDIR /tmp
ENV PYTHONPATH=/opt/probe:/opt/packages
CMD ["python3", "-u", "-m", "grader.engine.probe"]
# Nobody asks a sandbox how it is: it lives as long as its one use, and the worker's end of the pipe knows.
HEALTHCHECK NONE
# Last, because it changes most often.
COPY grader/__init__.py /opt/probe/grader/__init__.py
COPY grader/engine/__init__.py grader/engine/compat.py /opt/probe/grader/engine/
COPY grader/engine/wire /opt/probe/grader/engine/wire
COPY grader/engine/probe /opt/probe/grader/engine/probe
ARG CONTENT=""
LABEL grader.content=${CONTENT}
