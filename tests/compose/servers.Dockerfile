# Stands for the official images of PostgreSQL and Redis where no registry can be reached: the real servers, from the
# packages that `grader up` uses, told by the same environment and arguments. Made by tests/compose/conftest.py.
ARG BASE_IMAGE
FROM ${BASE_IMAGE}
RUN echo 'server:x:999:999::/tmp:/bin/sh' >>/etc/passwd && mkdir -p -m 1777 /var/lib/postgresql
COPY redis/ /usr/local/bin/
COPY postgres /opt/postgres
COPY enter.sh /enter.sh
ENV PATH=/opt/postgres/here/pginstall18/bin:/usr/local/bin:/usr/bin:/bin
STOPSIGNAL SIGINT
ENTRYPOINT ["sh", "/enter.sh"]
