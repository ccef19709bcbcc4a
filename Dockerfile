# One image for every part of docker-compose.yml: Python with the packages of uv.lock, Java 17, the jars of conf/jars.lock.
# It holds no secret: logins come from the environment of each container.
ARG PYTHON_IMAGE=python:3.12.12-slim-bookworm

FROM ${PYTHON_IMAGE} AS base
# Debian's archive keeps only the newest build of a package, so pinning its version would break the image within weeks. The Java
# package links its manual pages into a folder that slim images lack.
# hadolint ignore=DL3008
RUN mkdir -p /usr/share/man/man1 \
    && apt-get update \
    && apt-get install -y --no-install-recommends openjdk-17-jre-headless \
    && rm -rf /var/lib/apt/lists/*
ENV PATH=/opt/dayfold/.venv/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1
WORKDIR /opt/dayfold

FROM base AS build
# Packages first: they change less often than the program, and then their layer is kept.
COPY pyproject.toml uv.lock README.md LICENSE ./
COPY scripts/make_venv.sh scripts/
RUN UV_NO_DEV=1 UV_NO_CACHE=1 UV_NO_INSTALL_PROJECT=1 sh scripts/make_venv.sh /opt/dayfold/.venv
COPY conf/jars.lock conf/
COPY spark_jobs spark_jobs
RUN UV_NO_DEV=1 UV_NO_CACHE=1 sh scripts/make_venv.sh /opt/dayfold/.venv \
    && python -c "from spark_jobs.local.setup.jars import fetch_jars; fetch_jars()" \
    && python -m compileall -q spark_jobs

FROM base
# The program belongs to root, so no process can change it; a process owns what the volumes hold.
COPY --from=build /opt/dayfold /opt/dayfold
COPY conf conf
COPY dags dags
COPY docker docker
COPY notebooks notebooks
# The class archive last, by a run of the job: it is good only for jars that stay in this layer's order.
RUN python -m spark_jobs.local.setup
RUN groupadd --gid 10001 dayfold \
    && useradd --uid 10001 --gid dayfold --create-home dayfold \
    && mkdir -p data/lake data/state notebooks /var/lib/kafka /var/lib/airflow \
    && chown -R dayfold:dayfold data notebooks /var/lib/kafka /var/lib/airflow
USER 10001:10001
HEALTHCHECK --interval=30s --timeout=15s --start-period=15s CMD ["python", "-I", "docker/healthy.py"]
CMD ["dayfold", "--help"]
