# `ecoalign serve` as an image: docs/serving.md tells how to build and run it.
#   docker build --build-arg EXTRAS=serve,otel -t ecoalign .    without the embedded model's OCR, with OpenTelemetry

FROM python:3.12-slim AS build
ARG EXTRAS=serve,offline
WORKDIR /src
# Only what the wheel is made of: pictures of a checkout, notes and keys never come near a layer.
COPY pyproject.toml constraints.txt README.md LICENSE ./
COPY ecoalign_agent ecoalign_agent
COPY prompts prompts
COPY examples/images examples/images
# An environment without pip of its own: the next stage gets the program and nothing that installs things.
RUN python -m venv --without-pip /opt/ecoalign \
    && python -m pip --python /opt/ecoalign/bin/python install --no-cache-dir -c constraints.txt ".[${EXTRAS}]"

FROM python:3.12-slim
RUN python -m pip uninstall --yes --root-user-action=ignore pip \
    && groupadd --gid 10001 ecoalign \
    && useradd --uid 10001 --gid ecoalign --no-log-init --no-create-home --shell /usr/sbin/nologin ecoalign
COPY --from=build /opt/ecoalign /opt/ecoalign
COPY --chmod=0755 docker-entrypoint.sh /usr/local/bin/ecoalign-entrypoint
# Nothing is kept in the container: its file system may be read-only. The OCR's runtime calls nobody.
ENV PATH=/opt/ecoalign/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    ECOALIGN_CACHE=off \
    ORT_DISABLE_TELEMETRY=1
USER 10001:10001
WORKDIR /
EXPOSE 8000
# Not urllib's opener: that would ask a proxy of the environment for this machine's own address.
HEALTHCHECK --interval=30s --timeout=5s --start-period=30s --retries=3 \
    CMD ["python", "-c", "from http.client import HTTPConnection as C; c = C('127.0.0.1', 8000, timeout=4); c.request('GET', '/healthz'); raise SystemExit(c.getresponse().status != 200)"]
ENTRYPOINT ["ecoalign-entrypoint"]
# Others can reach it, so it does not start without a key: from ECOALIGN_SERVE_KEYS, or from --api-key-file.
CMD ["serve", "--host", "0.0.0.0", "--port", "8000"]
