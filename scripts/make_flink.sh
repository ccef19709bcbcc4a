#!/bin/sh
# Makes the virtual environment $1 hold exactly the packages of benchmarks/flink-requirements.txt, for the Python $2. Of its own, because Flink
# wants other versions of what Spark and Airflow share. Uses the uv that stands beside that Python, or the one on PATH.
set -eu

uv=$(command -v "$(dirname "$2")/uv" || command -v uv)
"$uv" venv --quiet --allow-existing --python "$2" "$1"
begun=$(date +%s)
"$uv" pip sync --quiet --python "$1/bin/python" benchmarks/flink-requirements.txt
count=$(find "$1"/lib/python3.*/site-packages -maxdepth 1 -name '*.dist-info' | wc -l)
echo "Flink: $count packages, on disk $(du -sm "$1" | cut -f1) MB, in $(($(date +%s) - begun)) s"
