"""The tables of a pipeline whose aggregates are not declared: names and columns."""

from spark_jobs.lake.schemas import DAILY

CONTRIBUTIONS, DAILY_AVERAGES = "contributions", "daily_averages"
SCHEMAS = DAILY.schemas
TABLES = ("records", CONTRIBUTIONS, DAILY_AVERAGES, "checkpoints")
"""In the order in which `dayfold forget` removes them."""
