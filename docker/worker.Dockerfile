# A worker: our code and pytest on top of what sandboxes hold, so that both sides compute with the same torch. It drives
# sandboxes through an engine's socket and executes no submission itself.
# Built by docker/build-images.sh; or by hand from the repository root, once there is a grader-runtime:
#   docker build -f docker/sandbox.Dockerfile --target runtime -t grader-runtime:latest .
#   docker build -f docker/worker.Dockerfile -t grader-worker:latest .
# BASE_IMAGE has to be the one that RUNTIME_IMAGE was built on.
ARG BASE_IMAGE=python:3.11-slim
ARG RUNTIME_IMAGE=grader-runtime:latest

FROM ${BASE_IMAGE} AS wanted
COPY pyproject.toml docker/extras.py /build/
RUN python3 /build/extras.py worker s3 traces </build/pyproject.toml >/requirements.txt

FROM ${BASE_IMAGE} AS packages
# For example --extra-index-url https://..., or --no-index when docker/wheels-service holds everything.
ARG PIP_ARGS=""
# From the stage before: only a requirement that changed makes them be installed again.
COPY --from=wanted /requirements.txt /build/requirements.txt
# The glob copies the wheels where there are some, and is content without them.
COPY docker/service-constraints.txt docker/wheels-service* /build/
RUN python3 -m venv --without-pip /opt/grader/venv \
 && python3 -m pip --python /opt/grader/venv/bin/python install --no-cache-dir --no-compile --find-links /build ${PIP_ARGS} \
        --constraint /build/service-constraints.txt -r /build/requirements.txt \
 && rm -f /opt/grader/venv/bin/[Aa]ctivate* \
 && python3 -m compileall -q /opt/grader/venv

FROM ${BASE_IMAGE} AS app
COPY docker/install.py /build/install.py
COPY pyproject.toml /build/source/pyproject.toml
COPY grader /build/source/grader
COPY worker /build/source/worker
COPY docker/seccomp.json docker/sandbox*.txt docker/sandbox.Dockerfile docker/slim.py /build/source/docker/
RUN python3 /build/install.py /build/source /opt/grader grader/api grader/web grader/server \
 && mkdir /none

FROM ${RUNTIME_IMAGE}
COPY --from=packages /opt/grader/venv /opt/grader/venv
COPY --from=app /opt/grader /opt/grader
COPY docker/healthy.py /opt/grader/healthy.py
# A new volume that is mounted here takes its owner from the image.
COPY --from=app --chown=10001:10001 /none /srv/blobs
ENV PATH=/opt/grader/bin:/opt/grader/venv/bin:/usr/local/bin:/usr/bin LANG=C.UTF-8 \
    PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 HOME=/tmp GRADER_SANDBOX=docker
USER 10001:10001
WORKDIR /tmp
ENTRYPOINT ["grader"]
CMD ["worker"]
HEALTHCHECK --interval=60s --timeout=20s --start-period=90s --retries=3 CMD ["python", "-m", "worker.alive"]
