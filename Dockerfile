# Two stages: packages and project into /opt/fibreflow, then only that onto a clean image, run without rights.
FROM python:3.12-slim AS build
RUN python -m venv /opt/fibreflow
COPY requirements-runtime.lock /build/
RUN /opt/fibreflow/bin/pip install --no-cache-dir --no-deps --require-hashes -r /build/requirements-runtime.lock
COPY . /build/
RUN /opt/fibreflow/bin/pip install --no-cache-dir --no-deps --no-build-isolation /build

FROM python:3.12-slim
RUN useradd --system --uid 10001 --home-dir /var/lib/fibreflow --create-home fibreflow \
    && install --directory --owner fibreflow --group fibreflow /var/lib/fibreflow/storage
COPY --from=build /opt/fibreflow /opt/fibreflow
ENV PATH=/opt/fibreflow/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    FIBREFLOW_DATA_DIR=/var/lib/fibreflow \
    FIBREFLOW_API_HOST=0.0.0.0
USER fibreflow
WORKDIR /var/lib/fibreflow
EXPOSE 8080
STOPSIGNAL SIGTERM
ENTRYPOINT ["fibreflow"]
CMD ["up"]
