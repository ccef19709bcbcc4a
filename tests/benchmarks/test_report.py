"""Only what was right counts, and the page says what did not."""

from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks import report
from benchmarks.contestants.catalogue import CONTESTANTS
from benchmarks.contestants.ours import MAINTAINED
from benchmarks.goals import GOALS
from benchmarks.measure import Kept, Measurement
from benchmarks.results import Measured, Results, seconds
from benchmarks.session import Run, rotated
from benchmarks.works import SETS, WORKS, chosen_works


def run(contestant: str, took: float, objection: str | None = None, *, idle: bool = False) -> Run:
    measured = Measurement(0, took, took, 1_000_000, 100 << 20, 0 if idle else 600 << 20, 700 << 20, left_behind=False)
    return Run(contestant, 1, idle, 0 if idle else 5_760, 0.5, measured, Kept(3, 2_000_000), objection)


@pytest.fixture
def results(tmp_path: Path) -> Results:
    runs = [run("ours", took) for took in (11.0, 10.0, 19.0)]
    runs += [run("streaming_averages", took) for took in (30.0, 31.0, 32.0)]
    runs += [
        run("ours", 2.0, idle=True),
        run("streaming_averages", 10.0, idle=True),
        run("polars", 0.1, "it has the average 1, not 2"),
    ]
    facts = dict.fromkeys(("processor", "cores", "memory", "system", "java", "python", "packages", "commit"), "x")
    small = Measured("small", "5,760 records", "2026-11-25T22:00+00:00", 3, facts, {"flink": "Flink is not installed"}, runs)
    return Results(tmp_path / "results.json", {"small": small})


def verdicts(results: Results) -> dict[str, str]:
    return {goal.work: goal.verdict(results) for goal in GOALS}


def test_goals_are_ratios_of_medians(results: Results) -> None:
    found = verdicts(results)
    assert found["5,760 records, against availableNow (a)"] == "met"
    assert found["nothing new, against availableNow (a)"] == "missed"
    assert found["run 1,000 against run 10"] == "not measured"


def test_goals_of_totals_are_ratios_or_limits_of_their_own(results: Results) -> None:
    steps = [{"records": 30.0, "contributions": 4.0, "averages": 4.0, "publish": 3.0}]
    took = {"ours_ads": 10.0, "streaming_ads_everything": 21.0, "flink_ads": 9.0}
    ads = replace(results.works["small"], name="ads", runs=[run(name, seconds) for name, seconds in took.items()])
    people = replace(ads, name="ads_people", runs=[replace(run("ours_people", 9.0), steps=steps)])
    results.works |= {"ads": ads, "ads_people": people}
    found = {name: verdict for name, verdict in verdicts(results).items() if "events" in name or "groups" in name}
    assert list(found.values()) == ["met", "met", "missed", "missed", "missed", "met"]
    assert "| Dayfold, hours and days | 10.0 | 1.00 |" in "\n".join(report.page(results, []))


def test_a_run_that_was_wrong_does_not_count(results: Results) -> None:
    small = results.works["small"]
    assert small.spread("polars", seconds) is None
    results.works["small"] = replace(small, runs=[run("ours", 0.1, "wrong"), *small.runs])
    spread = results.works["small"].spread("ours", seconds)
    assert spread is not None
    assert (spread.least, spread.middle, spread.most, spread.runs) == (10.0, 11.0, 19.0, 3)


def test_the_page_says_who_was_wrong_and_who_was_missing(results: Results) -> None:
    page = "\n".join(report.page(results, []))
    assert "Not counted: polars: it has the average 1, not 2" in page
    assert "Without Flink SQL, bounded: Flink is not installed." in page
    assert "| Dayfold | 11.0 (10.0 to 19.0) | 1.00 |" in page
    assert "| librdkafka, Polars, delta-rs |" not in page
    assert "| nothing new, against availableNow (a) | 0.1 | 0.20 | missed |" in page


def test_a_machine_has_one_table_with_what_was_measured_at_each_commit(results: Results) -> None:
    small = results.works["small"]
    for name, changes in (("two_million", {"commit": "y"}), ("wide", {"memory": "much"}), ("skew", {"commit": "y"})):
        results.works[name] = replace(small, name=name, machine=small.machine | changes)
    page = list(report.page(results, []))
    assert [line for line in page if line.startswith(("| machine", "| measured at"))] == [
        "| machine | x, x cores, x |",
        "| measured at x | small |",
        "| measured at y | two_million, skew |",
        "| machine | x, x cores, much |",
        "| measured at x | wide |",
    ]


def test_results_are_the_same_when_read_back(results: Results) -> None:
    results.save()
    assert Results.load(results.path) == results


def test_the_page_stands_between_its_marks_in_the_document(results: Results, tmp_path: Path) -> None:
    docs = tmp_path / "docs"
    docs.mkdir()
    (docs / "performance.md").write_text(f"before\n{report.BEGIN}yesterday\n{report.END}after\n")
    results.save()
    report.write(results, tmp_path)
    report.publish(tmp_path, docs)
    document = (docs / "performance.md").read_text()
    assert document.startswith(f"before\n{report.BEGIN}| machine | x, x cores")
    assert document.endswith(f"{report.END}after\n")
    assert "yesterday" not in document
    assert (docs / "benchmark" / "small.png").stat().st_size > 5_000


def test_every_contestant_of_a_work_exists_and_every_set_names_works() -> None:
    assert {name for work in WORKS.values() for name in work.contestants} == set(CONTESTANTS) - {MAINTAINED.name}
    assert sorted(work.name for work in chosen_works(list(SETS))) == sorted(WORKS)


def test_each_round_begins_with_another_contestant() -> None:
    contestants = list(CONTESTANTS.values())[:3]
    assert [one.name for number in range(3) for one in rotated(contestants, number)[:1]] == [one.name for one in contestants]
