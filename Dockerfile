# The image of syncd: a virtual environment of hash-checked wheels on a slim Python. The image it ends in runs as
# nobody in particular, writes nothing outside /tmp and starts no shell. tests/packaging/test_dockerfile.py carries
# the RUN lines out without a container engine.
#
# Both stages start from one image, so that the environment fits the interpreter. A release should pin its digest
# (python:3.11-slim-bookworm@sha256:…) and have a bot follow it: a tag moves, and a rebuild is then another image.
FROM python:3.11-slim-bookworm AS build
WORKDIR /build

# uv, and what builds the wheel.
COPY deploy/build-requirements.txt ./
RUN python -m pip install --no-cache-dir --root-user-action=ignore --require-hashes -r build-requirements.txt

# What syncd stands on, exactly as uv.lock has it; wheels only, so that nothing foreign runs at build time.
COPY pyproject.toml uv.lock ./
RUN uv export --quiet --frozen --no-dev --all-extras --no-emit-project --output-file requirements.txt
RUN python -m venv --without-pip /opt/syncd
RUN uv pip install --python /opt/syncd --require-hashes --only-binary :all: --compile-bytecode -r requirements.txt

# syncd itself, last: a change of the code leaves the layers above as they are.
COPY README.md LICENSE ./
COPY syncd syncd
COPY providers providers
RUN uv build --wheel --require-hashes --build-constraints build-requirements.txt --out-dir dist
RUN uv pip install --python /opt/syncd --offline --no-deps --compile-bytecode dist/*.whl
RUN uv pip check --python /opt/syncd


FROM python:3.11-slim-bookworm
LABEL org.opencontainers.image.title="syncd" \
      org.opencontainers.image.description="Secrets from Vault, AWS Secrets Manager and Azure Key Vault into Kubernetes" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=build /opt/syncd /opt/syncd
# The root file system may be read-only; a login program or a kubeconfig with embedded keys needs a writable /tmp.
ENV HOME=/tmp PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
# A number, since the kubelet's runAsNonRoot cannot look a name up.
USER 65532:65532
EXPOSE 8080
ENTRYPOINT ["/opt/syncd/bin/syncd"]
CMD ["run", "-c", "/etc/syncd/syncd.yaml"]
