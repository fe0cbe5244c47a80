# What a submission runs in: Python, what it may import, the probe. No pip, no compiler, no hidden test, no root.
# Built by docker/build-sandbox.sh, which sends exactly the files named below; or by hand from the repository root:
#   docker build -f docker/sandbox.Dockerfile -t grader-sandbox:latest .
# BASE_IMAGE may be a python:slim image, or a Debian or Ubuntu with python3 and python3-pip.
ARG BASE_IMAGE=python:3.11-slim

FROM ${BASE_IMAGE} AS packages
# For example --extra-index-url https://..., or --no-index when docker/wheels holds everything.
ARG PIP_ARGS=""
# The glob copies the wheels where there are some, and is content without them.
COPY docker/sandbox-requirements*.txt docker/wheels* /build/
RUN python3 -m pip install --no-cache-dir --find-links /build ${PIP_ARGS} --target /opt/packages -r /build/sandbox-requirements.txt \
 && python3 -m pip install --no-cache-dir --find-links /build ${PIP_ARGS} --target /opt/packages --no-deps \
        -r /build/sandbox-requirements-nodeps.txt \
 && python3 -m compileall -q /opt/packages >/dev/null || test -d /opt/packages/torch

FROM ${BASE_IMAGE}
# Installers go, and no program keeps a set-uid bit.
RUN if command -v apt-get >/dev/null; then \
        for package in python3-pip python3-venv gcc g++ make; do \
            if dpkg -s "$package" >/dev/null 2>&1; then apt-get purge -qq --auto-remove "$package" >/dev/null; fi; \
        done; \
        rm -rf /var/lib/apt/lists/* /var/cache/apt/*; \
    fi \
 && rm -rf /usr/local/lib/python3*/site-packages/* /usr/local/bin/pip* \
 && find / -xdev -type f -perm /6000 -exec chmod a-s {} + \
 && python3 -c 'import ssl, ctypes'
COPY --from=packages /opt/packages /opt/packages
USER 65534:65534
WORKDIR /tmp
ENV PYTHONPATH=/opt/probe:/opt/packages PYTHONDONTWRITEBYTECODE=1
CMD ["python3", "-u", "-m", "grader.engine.probe"]
# Last, because it changes most often.
COPY grader/__init__.py /opt/probe/grader/__init__.py
COPY grader/engine/__init__.py grader/engine/compat.py /opt/probe/grader/engine/
COPY grader/engine/wire /opt/probe/grader/engine/wire
COPY grader/engine/probe /opt/probe/grader/engine/probe
ARG CONTENT=""
LABEL grader.content=${CONTENT}
