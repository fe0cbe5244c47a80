# The web server, the schema's upgrade and the sweep. No torch, no engine, no Docker SDK, no shell: nothing in here could
# execute a submission. No spec either: an image that is pushed somewhere must not hold hidden tests.
# Built by docker/build-images.sh; or by hand from the repository root:
#   docker build -f docker/server.Dockerfile -t grader-server:latest .
# BASE_IMAGE may be a python:slim image, or a Debian or Ubuntu with Python 3.11 or later and its pip.
ARG BASE_IMAGE=python:3.11-slim

FROM ${BASE_IMAGE} AS system
COPY docker/slim.py /build/slim.py
RUN python3 /build/slim.py system /out

FROM ${BASE_IMAGE} AS wanted
COPY pyproject.toml docker/extras.py /build/
RUN python3 /build/extras.py server s3 traces </build/pyproject.toml >/requirements.txt

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
RUN python3 /build/install.py /build/source /opt/grader grader/engine worker/__main__.py worker/app.py \
 && mkdir /none

FROM scratch
COPY --from=system /out /
COPY --from=packages /opt/grader/venv /opt/grader/venv
COPY --from=app /opt/grader /opt/grader
COPY docker/healthy.py /opt/grader/healthy.py
# A new volume that is mounted here takes its owner from the image.
COPY --from=app --chown=10001:10001 /none /srv/blobs
ENV PATH=/opt/grader/bin:/opt/grader/venv/bin:/usr/local/bin:/usr/bin LANG=C.UTF-8 \
    PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 HOME=/tmp
USER 10001:10001
WORKDIR /tmp
ENTRYPOINT ["grader"]
EXPOSE 8000
CMD ["serve", "--host", "0.0.0.0"]
HEALTHCHECK --interval=15s --timeout=6s --start-period=30s --retries=4 \
    CMD ["python3", "-I", "/opt/grader/healthy.py", "8000", "/healthz"]
