# The engine proxy: alone holds the engine's socket, and lets workers do with it what grading needs (docs/engine-proxy.md).
# Nothing but Python and the few modules below; no package is installed. From the repository root:
#   docker build -f docker/engine-proxy.Dockerfile -t grader-engine-proxy .
# Run it with the engine's socket mounted, the socket's group added, and a volume on /run/engine that workers share.
ARG BASE_IMAGE=python:3.11-slim

FROM ${BASE_IMAGE} AS system
COPY docker/slim.py /build/slim.py
RUN python3 /build/slim.py system /out
# A number no distribution hands out; workers get the group of the same number to use the proxy's socket.
RUN mkdir -p /out/run/engine && chown 10001:10001 /out/run/engine && chmod 0750 /out/run/engine

FROM scratch
COPY --from=system /out /
WORKDIR /opt/engine-proxy
COPY docker/seccomp.json docker/seccomp.json
COPY grader/__init__.py grader/__init__.py
COPY grader/domain/__init__.py grader/domain/ending.py grader/domain/
COPY grader/engine/__init__.py grader/engine/__init__.py
COPY grader/engine/sandbox/__init__.py grader/engine/sandbox/base.py grader/engine/sandbox/container_terms.py \
     grader/engine/sandbox/environment.py grader/engine/sandbox/seccomp.py grader/engine/sandbox/trees.py grader/engine/sandbox/
COPY grader/engine/proxy grader/engine/proxy
ENV PATH=/usr/local/bin:/usr/bin LANG=C.UTF-8 PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
USER 10001:10001
ENTRYPOINT ["python3", "-m", "grader.engine.proxy", "--listen", "/run/engine/engine.sock"]
HEALTHCHECK --interval=10s --timeout=6s --start-period=5s CMD ["python3", "-m", "grader.engine.proxy", "--listen", "/run/engine/engine.sock", "--check"]
