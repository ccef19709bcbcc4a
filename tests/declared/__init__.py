"""Pipelines that declare their aggregates, each with an oracle in plain Python."""
