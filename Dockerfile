# The image of `tollhouse`: made in one stage, run in another that has neither the tools nor the sources of the first.
# Everything is read-only at run time but the volume /data; the process is uid 65532 and needs no capability.
ARG PYTHON_IMAGE=python:3.11-slim-bookworm

FROM ${PYTHON_IMAGE} AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_NO_CACHE_DIR=1 \
    PIP_NO_COMPILE=1 \
    PIP_CONSTRAINT=/build/constraints.txt \
    PIP_ROOT_USER_ACTION=ignore
WORKDIR /build

# What we depend on changes seldom, so it has a layer of its own.
COPY pyproject.toml constraints.txt ./
RUN python -m venv --without-pip /opt/tollhouse \
    && python -c "import tomllib; print(*tomllib.load(open('pyproject.toml', 'rb'))['project']['dependencies'], sep='\n')" \
        > requirements.txt \
    && python -m pip --python /opt/tollhouse/bin/python install --requirement requirements.txt

# Names of our optional dependencies, separated by commas.
ARG EXTRAS=""
COPY LICENSE ./
COPY src src
COPY generated generated
RUN python -m pip wheel --no-deps --wheel-dir dist . \
    && python -m pip --python /opt/tollhouse/bin/python install "$(ls dist/*.whl)${EXTRAS:+[$EXTRAS]}"

# Libraries' own test helpers go. Bytecode stays: a read-only root cannot keep any, and every health check is a start.
RUN rm -rf /opt/tollhouse/lib/python3*/site-packages/alembic/testing \
        /opt/tollhouse/lib/python3*/site-packages/mako/testing \
        /opt/tollhouse/lib/python3*/site-packages/sqlalchemy/testing \
    && python -m compileall -q --invalidation-mode unchecked-hash /opt/tollhouse/lib


FROM ${PYTHON_IMAGE}
LABEL org.opencontainers.image.title="tollhouse" \
      org.opencontainers.image.description="A billing and usage service behind one gRPC contract" \
      org.opencontainers.image.licenses="Apache-2.0"

RUN groupadd --gid 65532 tollhouse \
    && useradd --uid 65532 --gid 65532 --no-create-home --home-dir /data --shell /usr/sbin/nologin tollhouse \
    && install --directory --owner 65532 --group 65532 --mode 0750 /data \
    && python -m pip uninstall --yes --quiet --root-user-action ignore pip setuptools wheel

COPY --from=build /opt/tollhouse /opt/tollhouse
ENV PATH=/opt/tollhouse/bin:$PATH

# The base image has no bytecode of the standard library: a start writes that of the modules we use, here only.
RUN tollhouse healthcheck --help > /dev/null

# Nobody outside a container reaches its loopback. On 0.0.0.0 `serve` wants a certificate: TOLLHOUSE_TLS_CERT and _KEY.
# Port 50052 answers probes and nothing else, in plain text: kubelets and container engines hold no certificates.
ENV PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    TMPDIR=/data \
    TOLLHOUSE_DATABASE_URL=sqlite:////data/tollhouse.sqlite3 \
    TOLLHOUSE_LISTEN=0.0.0.0:50051 \
    TOLLHOUSE_HEALTH_LISTEN=0.0.0.0:50052 \
    TOLLHOUSE_HTTP_LISTEN=0.0.0.0:8080
WORKDIR /data
VOLUME /data
EXPOSE 50051 50052 8080
USER 65532:65532
HEALTHCHECK --interval=30s --timeout=10s --start-period=30s --retries=3 \
    CMD ["tollhouse", "healthcheck", "--address", "127.0.0.1:50052"]
ENTRYPOINT ["tollhouse"]
CMD ["serve"]
