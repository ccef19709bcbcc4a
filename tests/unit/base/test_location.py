"""One folder for Python, delta-rs and Arrow, whatever it is called; or a refusal that names the character."""

from pathlib import Path
from urllib.parse import quote

import pyarrow as pa
import pytest

from spark_jobs.base.errors import ConfigurationError
from spark_jobs.base.location import as_uri, parse_location
from spark_jobs.lake.delta_log import TableLog
from spark_jobs.lake.rows import read_rows, require_files
from spark_jobs.lake.schemas import RECORDS
from spark_jobs.lake.tables import Lake, add_files, append_once
from spark_jobs.maintenance.upkeep import compact, find_unneeded, vacuum
from spark_jobs.orchestration.lineage import table_name
from spark_jobs.pipeline.settings import load_pipeline
from tests.daily_tables import CONTRIBUTIONS
from tests.folder_names import OTHERS, names
from tests.stored import stored_pipeline


@pytest.mark.proves("F195")
def test_a_table_in_a_folder_of_any_name_is_created_written_read_and_maintained_there(tmp_path: Path) -> None:
    for name in names():
        assert parse_location(str(tmp_path / name / "lake"), tmp_path) == str(tmp_path / name / "lake")
        use(Lake(str(tmp_path / name / "lake"), "p"))
        made = {path.parents[3].name for path in tmp_path.rglob("_delta_log") if path.parents[3].parent == tmp_path}
        assert name in made, f"{name!r}: not among {made}"
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(names())


def use(lake: Lake) -> None:
    """What runs, audits and maintenance do with a table, in their own words."""
    lake.create_missing()
    rows = pa.table({"batch": pa.array([1], pa.int64())})
    columns = lake.open(CONTRIBUTIONS).to_pyarrow_dataset().schema
    rows = pa.table({one.name: rows["batch"] if one.name == "batch" else pa.nulls(1, one.type) for one in columns}, columns)
    for batch in (1, 2):
        append_once(lake.open(CONTRIBUTIONS), rows, app=lake.app(CONTRIBUTIONS), version=batch)
    require_files(lake, CONTRIBUTIONS, lake.open(CONTRIBUTIONS), 0)
    add_files(lake.open(RECORDS), [], app=lake.app(RECORDS), version=1)
    compact(lake, CONTRIBUTIONS)
    vacuum(lake, CONTRIBUTIONS, find_unneeded(lake, CONTRIBUTIONS, 168, full=True))
    assert read_rows(lake.open(CONTRIBUTIONS)).num_rows == 2
    assert len(TableLog(lake.location(CONTRIBUTIONS)).commits) >= 4


@pytest.mark.proves("F195")
@pytest.mark.parametrize(
    ("character", "called"),
    [
        ("[", r"\[ \(left square bracket\)"),
        ("]", r"\] \(right square bracket\)"),
        ("^", r"\^ \(circumflex accent\)"),
        ("|", r"\| \(vertical line\)"),
        ("*", r"\* \(asterisk\)"),
        ("?", r"\? \(question mark\)"),
        ("{", r"\{ \(left curly bracket\)"),
        ("}", r"\} \(right curly bracket\)"),
        ("\\", r"\\ \(reverse solidus\)"),
        ("%41", "%41, an escaped character"),
        ("\n", r"a control character \(U\+000A\)"),
        ("\x7f", r"a control character \(U\+007F\)"),
        ("\udcff", r"bytes that are no UTF-8 \(U\+DCFF\)"),
    ],
)
def test_a_character_with_which_no_table_can_be_written_is_refused_by_its_name(
    character: str, called: str, tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match=f"has {called}, which cannot be in the name of a folder"):
        parse_location(f"/data/a{character}b/lake", tmp_path)
    if character.isprintable():
        with pytest.raises(ValueError, match=f"has {called}"):
            parse_location("lake", Path(f"/data/a{character}b"))
        (tmp_path / f"a{character}b").mkdir()
        (tmp_path / "plain").symlink_to(tmp_path / f"a{character}b")
        with pytest.raises(ValueError, match=f"has {called}"):
            parse_location("plain/lake", tmp_path)


@pytest.mark.proves("F195")
def test_a_refusal_is_one_sentence_of_the_settings(tmp_path: Path) -> None:
    stored_pipeline(tmp_path, 0)
    with pytest.raises(ConfigurationError, match=r"lake: /data/a\[1\] has \[ \(left square bracket\)"):
        load_pipeline(tmp_path / "p.yaml", overrides=["lake=/data/a[1]"])


@pytest.mark.proves("F196")
@pytest.mark.parametrize("name", [*OTHERS[:5], "team #1", "100% sure", "a b"])
def test_a_file_uri_is_the_folder_it_means(name: str, tmp_path: Path) -> None:
    wanted = f"/data/{name}/lake"
    for text in (
        f"file:///data/{quote(name)}/lake",
        f"FILE:/data/{quote(name)}/lake",
        f"file://localhost/data/{quote(name)}/lake",
    ):
        assert parse_location(text, tmp_path) == wanted
    assert parse_location(as_uri(wanted), tmp_path) == wanted
    assert as_uri(wanted).isascii()
    assert table_name(wanted) == ("file", wanted)


def test_a_file_of_another_machine_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="is a file on server; expected file:///"):
        parse_location("file://server/data/lake", tmp_path)


@pytest.mark.parametrize(
    "text", ["s3://bucket/lake", "s3a://bucket/team-1/lake_2", "abfss://lake@account.dfs.core.windows.net/x=1"]
)
def test_other_stores_are_left_as_they_are_written(text: str, tmp_path: Path) -> None:
    assert parse_location(text, tmp_path) == text


@pytest.mark.proves("F196")
@pytest.mark.parametrize("character", ["%20", " ", "#", "?", "*", "[", "{", "\\"])
def test_what_spark_and_delta_rs_read_differently_in_a_uri_is_refused(character: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"which cannot be in a URI; choose another one"):
        parse_location(f"s3://bucket/a{character}b", tmp_path)
