# syntax=docker/dockerfile:1
# Two stages: the first makes the virtual environment from wheels, the second only carries it.

FROM python:3.11-slim-bookworm AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
WORKDIR /app
RUN python -m venv /app/.venv
COPY requirements.lock ./
RUN /app/.venv/bin/python -m pip install --only-binary :all: --require-hashes -r requirements.lock
COPY pyproject.toml README.md LICENSE service.py ./
COPY gasflux_core ./gasflux_core
COPY processes ./processes
COPY server ./server
RUN /app/.venv/bin/python -m pip install --no-deps --no-build-isolation --editable . \
    && /app/.venv/bin/python -m compileall -q gasflux_core processes server service.py

FROM python:3.11-slim-bookworm
# MapServer gives results as WMS, WCS and WFS; GDAL's tools are for whoever looks into the container.
RUN apt-get update \
    && apt-get install --yes --no-install-recommends cgi-mapserver gdal-bin \
    && rm -rf /var/lib/apt/lists/*
RUN useradd --system --uid 1000 --home-dir /app gasflux \
    && mkdir -p /data && chown gasflux /data
WORKDIR /app
COPY --from=build /app /app
COPY pywps.cfg ./
ENV PATH=/app/.venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    MPLCONFIGDIR=/tmp/matplotlib \
    GASFLUX_HOST=0.0.0.0 \
    GASFLUX_PORT=5000 \
    GASFLUX_DATA=/data
USER gasflux
VOLUME /data
EXPOSE 5000
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s --retries=3 \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:5000/health', timeout=4)"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["gasflux-wps"]
CMD ["serve"]
