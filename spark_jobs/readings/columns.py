"""How columns are added to a frame. Knows no column."""

from pyspark.sql import Column, DataFrame


def with_columns(messages: DataFrame, **columns: Column) -> DataFrame:
    """Adds columns, each of which may build on those before it.

    One `select` for all: Spark analyzes every `withColumn` by itself, which together took seconds of a small batch.
    """
    return messages.select("*", *(column.alias(name) for name, column in columns.items()))
