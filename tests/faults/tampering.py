"""Ways to tamper with the tables of a pipeline, through delta-rs or on the disk."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
from deltalake import DeltaTable, write_deltalake

from tests.world import World

Tamper = Callable[[Path], Any]
"""Gets the folder that holds the four tables."""


def tampered(world: World, folder: Path, tamper: Tamper) -> Path:
    """A copy of the lake, tampered with."""
    shutil.copytree(world.pipeline.lake, folder / "copy")
    tamper(folder / "copy" / world.pipeline.name)
    return folder / "copy"


def delete(table: str, where: str) -> Tamper:
    return lambda tables: DeltaTable(tables / table).delete(where)


def update(table: str, where: str, **values: str) -> Tamper:
    return lambda tables: DeltaTable(tables / table).update(updates=values, predicate=where)


def double(table: str, where: Callable[[dict[str, Any]], bool]) -> Tamper:
    def tamper(tables: Path) -> None:
        rows = DeltaTable(tables / table).to_pyarrow_dataset().to_table(use_threads=False)
        chosen = [row for row in rows.to_pylist() if where(row)][:1]
        write_deltalake(tables / table, pa.Table.from_pylist(chosen, schema=rows.schema), mode="append")

    return tamper


def set_property(table: str, name: str, value: str) -> Tamper:
    return lambda tables: DeltaTable(tables / table).alter.set_table_properties({name: value})


def damage_file(table: str, how: Callable[[Path], Any]) -> Tamper:
    return lambda tables: how(Path(sorted(DeltaTable(tables / table).file_uris())[0]))


def damage_newest_commit(table: str, content: Callable[[bytes], bytes]) -> Tamper:
    def tamper(tables: Path) -> None:
        newest = sorted((tables / table / "_delta_log").glob("*.json"))[-1]
        newest.write_bytes(content(newest.read_bytes()))

    return tamper


def create_anew(table: str) -> Tamper:
    def tamper(tables: Path) -> None:
        schema = DeltaTable(tables / table).schema()
        shutil.rmtree(tables / table)
        DeltaTable.create(tables / table, schema)

    return tamper


def remove(table: str) -> Tamper:
    return lambda tables: shutil.rmtree(tables / table)


def cut(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-100])


def overwrite(file: Path) -> None:
    file.write_bytes(bytes(len(file.read_bytes())))


def half(content: bytes) -> bytes:
    return content[: len(content) // 2]
