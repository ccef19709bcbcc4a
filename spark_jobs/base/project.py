"""The folder that holds `conf/`, `jars/`, `data/` and this package."""

from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
