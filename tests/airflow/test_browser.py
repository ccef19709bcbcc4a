"""What a person sees of a pipeline in a real browser; the pictures are in `reports/screenshots`."""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import quote

import pytest

from spark_jobs.base.project import PROJECT
from spark_jobs.local.airflow.in_process import airflow_environment
from spark_jobs.local.airflow.server import choose_port, running_airflow
from spark_jobs.local.kafka.server import RunningKafka
from spark_jobs.orchestration.params import DECISIONS
from tests.airflow.browser import Browser, running_browser
from tests.airflow.rest import RUN_SECONDS, RemoteDag
from tests.dags.asked import SWITCHES
from tests.submitted import wait_until
from tests.world import World, make_world, reading

# One worker runs all of it: the tests look at the same Airflow, in their order.
pytestmark = [pytest.mark.thorough, pytest.mark.xdist_group("browser")]

NAME, FRESH = "daily_voltage", "daily_voltage_fresh_averages"
PARTITIONS, PER_PARTITION, DAYS = 4, 30, 3
FIELD = "[name=element_max_records_per_batch]"
DIALOG = "[role=dialog][data-state=open]"


@dataclass(frozen=True)
class Seen:
    """A browser that is logged in, the DAG it looks at, and what was sent to its topic."""

    browser: Browser
    dag: RemoteDag
    world: World


@pytest.fixture(scope="module")
def seen(kafka: RunningKafka, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Seen]:
    folder = tmp_path_factory.mktemp("browser")
    shots = PROJECT / "reports" / "screenshots"
    shutil.rmtree(shots, ignore_errors=True)
    shots.mkdir(parents=True)
    world = make_world(folder, kafka.bootstrap, lambda: None, PARTITIONS, name=NAME)
    environment = airflow_environment(folder / "airflow") | {"DAYFOLD_PIPELINES": str(folder)}
    with running_airflow(environment, choose_port(None)) as airflow:
        wait_until(lambda: airflow.api.has_dag(NAME) and airflow.api.has_dag(FRESH), "the DAGs to be parsed", 120)
        dag = RemoteDag(airflow.api, NAME)
        dag.switch_on()
        RemoteDag(airflow.api, FRESH).unpause()
        for partition in range(PARTITIONS):
            moments = (f"0{1 + n % DAYS}/02/2007 10:{n:02d}:00" for n in range(PER_PARTITION))
            world.send(partition, *(reading(moment, f"24{partition}.{n}") for n, moment in enumerate(moments)))
        with running_browser(airflow.api, folder / "profile", shots) as browser:
            browser.log_in(f"/dags/{NAME}")
            yield Seen(browser, dag, world)
    world.end()


def page_of_run(dag_id: str, run_id: str) -> str:
    return f"/dags/{dag_id}/runs/{quote(run_id)}"


def run_that_read(dag: RemoteDag) -> str:
    """The first run by hand, which read what was sent: triggered here where no test before this one was chosen."""
    if not dag.runs("manual"):
        assert dag.wait(dag.trigger(max_records_per_batch=80)) == "success"
    return min(dag.runs("manual"))


def open_form(browser: Browser) -> None:
    browser.open(f"/dags/{NAME}")
    browser.click("[data-testid=trigger-dag-button]")
    browser.find(FIELD)


def test_the_page_of_the_dag_tells_what_it_is_and_leads_on(seen: Seen) -> None:
    browser = seen.browser
    browser.find("[data-testid=header-card]", "dayfold")
    browser.shoot("dag")
    browser.click("[aria-label='Dag Docs']")
    page = browser.find(f"{DIALOG} .chakra-dialog__body")
    assert f"reads {NAME}-in" in page.text
    links = {one.text: one.get_attribute("href") for one in browser.shown(f"{DIALOG} a")}
    address = browser.api.address
    assert links["what a run made fresh"] == f"{address}/dags/{FRESH}"
    assert links["maintenance of its tables"] == f"{address}/dags/{NAME}_maintenance"
    browser.shoot("docs")
    for path, words in (
        ("", "Assets"),
        (f"/dags/{NAME}_maintenance", f"{NAME}_maintenance"),
        ("/assets", f"{NAME}.daily_averages"),
    ):
        browser.open(path or "/")
        browser.find("body", words)
    assert browser.errors() == []


@pytest.mark.group("AF")
@pytest.mark.proves("F205")
def test_the_form_has_titles_descriptions_and_defaults_and_marks_nothing_as_required(seen: Seen) -> None:
    browser = seen.browser
    open_form(browser)
    first = browser.find("[data-testid=config-form]").text
    assert "Most records per batch" in first
    assert "Empty: 20,000,000, as the pipeline file has it in limits.max_records_per_batch." in first
    assert "Accept lost records" not in first, "decisions are closed at first"
    assert browser.find(FIELD).get_attribute("value") == ""
    browser.shoot("form_at_first")
    browser.click("[data-testid=config-form] button", DECISIONS)
    decisions = browser.find("[data-testid=config-form]", "Adopt changed settings").text
    places = [
        decisions.index(words) for words in ("Accept lost records", "Adopt a topic created again", "Adopt changed settings")
    ]
    assert places == sorted(places)
    assert "*" not in first + decisions
    for switch in SWITCHES:
        assert not browser.driver.find_element("name", f"element_{switch}").is_selected()
    browser.shoot("form", 1024, 600)


@pytest.mark.parametrize(
    ("typed", "words"),
    [("0", "0 is less than or equal to the minimum of 0"), ("1.5", "1.5 is not of type 'null', 'integer'")],
)
def test_the_form_refuses_a_value_that_makes_no_sense_and_says_why(seen: Seen, typed: str, words: str) -> None:
    browser, before = seen.browser, seen.dag.runs("manual")
    open_form(browser)
    browser.type(FIELD, typed)
    browser.click("[data-testid=trigger-dag-submit]")
    assert f"max_records_per_batch: {words}" in browser.find(f"{DIALOG} [role=alert], {DIALOG} .chakra-alert__root", words).text
    browser.shoot(f"refused_{typed.replace('.', '_')}")
    assert seen.dag.runs("manual") == before


def test_a_run_with_a_parameter_of_the_form_is_followed_to_its_verified_partitions(seen: Seen) -> None:
    browser, dag = seen.browser, seen.dag
    open_form(browser)
    browser.type(FIELD, "80")
    browser.shoot("form_filled")
    browser.click("[data-testid=trigger-dag-submit]")
    wait_until(lambda: "/runs/manual__" in browser.driver.current_url, "the page of the new run", 60)
    browser.find("[data-testid=header-card]", "Running")
    browser.find("[data-testid=table-list]", "submit")
    browser.shoot("running")
    browser.find("[data-testid=header-card]", "Success", RUN_SECONDS)
    (run_id,) = dag.runs("manual")
    browser.find("[data-testid=table-list]", "partition 3")
    browser.shoot("grid")
    browser.click("[aria-label^='Show Graph']")
    browser.find("[data-testid=rf__node-verify]", f"verify [{PARTITIONS}]")
    browser.shoot("graph", 1024)
    browser.click("[aria-label^='Show Grid']")
    look_at_verified(browser, run_id)
    summary = dag.xcom(run_id, "finished_batches", "summary")
    assert summary["batches"] == 2, "120 records, at most 80 of them in a batch"
    seen.world.assert_all_counted()


def look_at_verified(browser: Browser, run_id: str) -> None:
    """The list of the mapped task, each instance with its label, and the log of one."""
    browser.open(f"{page_of_run(NAME, run_id)}/tasks/verify/mapped")
    labels = [f"{NAME}-in, partition {number}" for number in range(PARTITIONS)]
    for label in labels:
        browser.find("[data-testid=table-list]", label)
    browser.shoot("verify", 1024)
    browser.click("[data-testid=table-list] a", labels[2])
    browser.find(
        "body",
        f"partition 2 of batches 1 to 2: {PER_PARTITION} records read, 0 rejected, 0 gaps; agrees with the table and the group",
    )
    browser.shoot("verify_log")
    browser.open(f"{page_of_run(NAME, run_id)}/tasks/finished_batches")
    browser.find("body", f"{NAME}: batches 1, 2 changed {PARTITIONS * DAYS} averages")
    browser.shoot("averages_log")


@pytest.mark.group("AF")
@pytest.mark.proves("F204")
def test_a_run_that_finds_nothing_names_the_run_that_has_read_everything(seen: Seen) -> None:
    browser, dag = seen.browser, seen.dag
    reader = run_that_read(dag)
    run_id = dag.trigger()
    assert dag.wait(run_id) == "success"
    browser.open(f"{page_of_run(NAME, run_id)}/tasks/new_records")
    browser.find("body", f"nothing has arrived in {NAME}-in since it was read to its end")
    browser.find("body", f"read by run {reader} of admin")
    browser.shoot("nothing_new_log")
    browser.open(f"{page_of_run(NAME, run_id)}/tasks/new_records/xcom")
    browser.find("body", "nothing_new")
    browser.shoot("nothing_new_xcom")
    (first,) = dag.runs("scheduled")
    assert "no run before this one has finished a batch" in dag.xcom(first, "new_records", "nothing_new")["reason"]


def test_a_dry_run_of_maintenance_on_a_paused_dag_stays_its_only_run(seen: Seen) -> None:
    maintenance = RemoteDag(seen.dag.api, f"{NAME}_maintenance")
    maintenance.unpause()
    run_id = maintenance.trigger(dry_run=True)
    assert maintenance.wait(run_id) == "success"
    assert maintenance.xcom(run_id, "maintain")["dry_run"] is True
    assert maintenance.runs("scheduled") == []
    assert maintenance.next_run_after() > datetime.now(UTC)


def test_the_asset_tells_batch_run_and_offsets_and_has_started_the_dag_that_waits_for_it(seen: Seen) -> None:
    browser, dag = seen.browser, seen.dag
    run_id = run_that_read(dag)
    fresh = RemoteDag(dag.api, FRESH)
    wait_until(lambda: bool(fresh.runs("asset_triggered")), "the DAG that waits for the asset", RUN_SECONDS)
    (started,) = fresh.runs("asset_triggered")
    assert fresh.wait(started) == "success"
    browser.open(f"{page_of_run(NAME, run_id)}/tasks/finished_batches/asset_events")
    browser.find("body", f"{NAME}.daily_averages")
    browser.shoot("asset_event")
    (event,) = dag.asset_events(run_id)
    assert (event["pipeline"], event["run_id"], event["batch"]) == (NAME, run_id, 2)
    assert {number: (one["start"], one["end"]) for number, one in event["partitions"].items()} == {
        str(number): (0, PER_PARTITION) for number in range(PARTITIONS)
    }
    browser.open(f"{page_of_run(FRESH, started)}/asset_events")
    browser.find("body", f"{NAME}.daily_averages")
    browser.shoot("fresh_run")
    browser.open(f"{page_of_run(FRESH, started)}/tasks/report")
    browser.find("body", f"batches 1, 2 changed {PARTITIONS * DAYS} averages")
    browser.shoot("fresh_averages")
    assert browser.errors() == []
