# The three images of recsys-operator, from one file: `--target recsys-operator | recsys-server | recsys-trainer`.
# Builds with docker buildx and with buildah. The base needs Python 3.13 with its venv module, and nothing else.
# An image is: the base, one layer of locked packages that changes with its lock file only, one small layer of our code.
ARG BASE_IMAGE=python:3.13-slim

# What builds, and stays out of the images: it is mounted where it is needed.
FROM ${BASE_IMAGE} AS tools
COPY requirements/tools.txt /tools/requirements.txt
RUN python3 -m venv /tools && /tools/bin/python -m pip install --no-cache-dir --disable-pip-version-check --quiet \
      --require-hashes --only-binary=:all: -r /tools/requirements.txt
COPY hack/image/install.sh /tools/bin/

# What all three share: a user with a name (Ray and torch ask for it), and no writes but to /tmp, since the root is read-only.
FROM ${BASE_IMAGE} AS runtime
RUN echo 'recsys:x:65532:65532:recsys:/tmp:/usr/sbin/nologin' >> /etc/passwd && echo 'recsys:x:65532:' >> /etc/group
ENV PATH=/opt/recsys/bin:/usr/local/bin:/usr/bin:/bin HOME=/tmp LANG=C.UTF-8 \
    PYTHONPATH=/opt/recsys/app PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 PYTHONFAULTHANDLER=1
WORKDIR /tmp
LABEL org.opencontainers.image.source=https://github.com/recsys-operator/recsys-operator \
      org.opencontainers.image.licenses=Apache-2.0

# --- recsys-operator: the control plane
FROM runtime AS operator-packages
ARG UV_SYSTEM_CERTS
COPY requirements/operator.txt /opt/requirements.txt
RUN --mount=type=bind,from=tools,source=/tools,target=/tools /tools/bin/install.sh /opt/recsys /opt/requirements.txt

FROM operator-packages AS recsys-operator
COPY operator/recsys_operator /opt/recsys/app/recsys_operator
RUN python -m compileall -q --invalidation-mode unchecked-hash /opt/recsys/app
ARG VERSION=0.0.0
ARG REVISION=unknown
ARG KEY=none
LABEL org.opencontainers.image.title=recsys-operator org.opencontainers.image.version=${VERSION} \
      org.opencontainers.image.revision=${REVISION} dev.recsys.key=${KEY}
USER 65532:65532
EXPOSE 8080 8081
ENTRYPOINT ["python", "-m", "recsys_operator"]

# --- recsys-server: ONNX Runtime behind HTTP; neither torch nor Ray
FROM runtime AS server-packages
ARG UV_SYSTEM_CERTS
COPY requirements/server.txt /opt/requirements.txt
RUN --mount=type=bind,from=tools,source=/tools,target=/tools /tools/bin/install.sh /opt/recsys /opt/requirements.txt

FROM server-packages AS recsys-server
COPY workers/recsys_workers/*.py /opt/recsys/app/recsys_workers/
COPY workers/recsys_workers/serve /opt/recsys/app/recsys_workers/serve
RUN python -m compileall -q --invalidation-mode unchecked-hash /opt/recsys/app
ARG VERSION=0.0.0
ARG REVISION=unknown
ARG KEY=none
LABEL org.opencontainers.image.title=recsys-server org.opencontainers.image.version=${VERSION} \
      org.opencontainers.image.revision=${REVISION} dev.recsys.key=${KEY}
USER 65532:65532
EXPOSE 8080
ENTRYPOINT ["python", "-m", "recsys_workers.serve"]

# --- recsys-trainer: Ray Train, torch (PyPI's CUDA build: it runs on CPUs too), ONNX export and evaluation
FROM runtime AS trainer-packages
ARG UV_SYSTEM_CERTS
COPY requirements/trainer.txt /opt/requirements.txt
RUN --mount=type=bind,from=tools,source=/tools,target=/tools /tools/bin/install.sh /opt/recsys /opt/requirements.txt
ENV RAY_USAGE_STATS_ENABLED=0

FROM trainer-packages AS recsys-trainer
COPY workers/recsys_workers /opt/recsys/app/recsys_workers
RUN python -m compileall -q --invalidation-mode unchecked-hash /opt/recsys/app
ARG VERSION=0.0.0
ARG REVISION=unknown
ARG KEY=none
LABEL org.opencontainers.image.title=recsys-trainer org.opencontainers.image.version=${VERSION} \
      org.opencontainers.image.revision=${REVISION} dev.recsys.key=${KEY}
USER 65532:65532
ENTRYPOINT ["python", "-m", "recsys_workers.train"]
