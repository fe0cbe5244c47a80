# What the peers run in: the sandbox's own Python, torch and packages, and the peers. Built by benchmarks/peers/build.py.
ARG BASE_IMAGE=python:3.11-slim
ARG RUNTIME_IMAGE=grader-runtime:latest
FROM ${RUNTIME_IMAGE} AS runtime

FROM ${BASE_IMAGE}
COPY requirements.txt constraints.txt wheels /build/
RUN python3 -m pip install --quiet --no-cache-dir --break-system-packages --no-index --find-links /build \
        --constraint /build/constraints.txt --requirement /build/requirements.txt \
 && rm -rf /build
# The very files that our sandbox imports, compiled; the peers' own packages come after them.
COPY --from=runtime /opt/packages /opt/packages
ENV PYTHONPATH=/opt/packages PYTHONDONTWRITEBYTECODE=1 HOME=/tmp OMP_NUM_THREADS=1 JUPYTER_PLATFORM_DIRS=1
# A place to import them once, so that no first start pays for caches.
RUN python3 -c "import torch, otter, nbgrader, pytest, ipykernel"
WORKDIR /tmp
