"""`make airflow`: the whole of it in a project folder of its own, from the first line it says to the last process it ends."""

import signal
from collections.abc import Iterator

import pytest

from spark_jobs.base.errors import PipelineBusy
from spark_jobs.local.airflow.api import AirflowApi, ApiRefused
from spark_jobs.local.demo.serving import serve_airflow
from spark_jobs.local.kafka.server import find_broker, stop_broker
from tests.airflow.making import Made, make_project, making, world_of
from tests.airflow.rest import is_alive
from tests.submitted import wait_until
from tests.world import reading

# One worker runs all of it: the tests look at the same Airflow.
pytestmark = [pytest.mark.thorough, pytest.mark.xdist_group("make airflow")]

START_SECONDS = 300.0
PARTITIONS, PER_PARTITION = 4, 30
LOOPBACK = ("127.0.0.1", "::1", "::ffff:127.0.0.1")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Made]:
    project = make_project(tmp_path_factory.mktemp("made"))
    try:
        with making(project) as running:
            yield running
    finally:
        stop_broker(project / "data" / "kafka")


def test_it_says_where_to_go_how_to_get_in_and_that_there_is_nothing_yet(made: Made) -> None:
    assert made.dag.api.address.startswith("http://127.0.0.1:")
    assert made.dag.api.user == "admin"
    assert len(made.dag.api.password) >= 16
    assert "The demo has not been run here" in made.said


def test_another_password_is_refused(made: Made) -> None:
    with pytest.raises(ApiRefused, match=r"^401"):
        AirflowApi(made.dag.api.address, "admin", "admin").ask("GET", "/dags")


def test_the_demo_and_it_keep_out_of_each_others_way(made: Made) -> None:
    with pytest.raises(PipelineBusy, match="the demo is being run by run make airflow"):
        serve_airflow(made.project)


@pytest.mark.parametrize(
    ("conf", "words"),
    [
        ({"max_records_per_batch": 0}, "0 is less than or equal to the minimum of 0"),
        ({"max_records_per_batch": "many"}, "'many' is not of type"),
        ({"accept_loss": "yes"}, "'yes' is not of type 'null', 'boolean'"),
    ],
)
def test_parameters_that_make_no_sense_are_refused_by_the_rest_api(made: Made, conf: dict[str, object], words: str) -> None:
    with pytest.raises(ApiRefused) as refused:
        made.dag.trigger(**conf)
    assert refused.value.status == 400
    assert words in refused.value.text
    assert made.dag.runs("manual") == []


@pytest.mark.group("AF")
@pytest.mark.proves("F72")
def test_a_triggered_run_verifies_each_partition_and_all_of_it_listens_on_loopback_only(made: Made) -> None:
    dag, heard, world = made.dag, made.listening(), world_of(made, PARTITIONS)
    dag.switch_on()
    for partition in range(PARTITIONS):
        world.send(
            partition, *(reading(f"0{1 + n % 3}/02/2007 10:{n:02d}:00", f"24{partition}.{n}") for n in range(PER_PARTITION))
        )
    run_id = dag.trigger(max_records_per_batch=PARTITIONS * 20)

    def is_over() -> bool:
        heard.update(made.listening())
        return dag.state(run_id) in ("success", "failed")

    wait_until(is_over, "the end of the run", START_SECONDS)
    mapped = [f"verify[{number}]" for number in range(PARTITIONS)]
    assert dag.states(run_id) == dict.fromkeys(["new_records", "retention", "submit", "finished_batches", *mapped], "success")
    assert {address for address, _ in heard} <= set(LOOPBACK)
    assert {int(dag.api.address.rpartition(":")[2]), int(world.bootstrap.rpartition(":")[2])} < {port for _, port in heard}
    assert len({port for _, port in heard}) > 3, "Spark was not seen to listen"

    topic = world.pipeline.input.topic
    tasks = dag.tasks(run_id)
    assert [tasks[name]["rendered_map_index"] for name in mapped] == [f"{topic}, partition {n}" for n in range(PARTITIONS)]
    verified = dag.xcom(run_id, "verify", map_index=3)["3"]
    assert (verified["read"], verified["accepted"], verified["rejected"], verified["gaps"]) == (
        PER_PARTITION,
        PER_PARTITION,
        0,
        0,
    )
    assert (verified["start"], verified["end"], verified["committed"]) == (0, PER_PARTITION, PER_PARTITION)
    assert len(verified["batches"]) > 1
    log = dag.log(run_id, "verify", 3)
    outcome = (
        f"partition 3 of batches 1 to {verified['batches'][-1]}: 30 records read, 0 rejected, 0 gaps; agrees with the "
        "table and the group"
    )
    assert log.index(outcome) < log.index("partition 3: offsets 0 to 30")
    (event,) = dag.asset_events(run_id)
    assert (event["pipeline"], event["run_id"], event["batch"]) == ("daily_voltage", run_id, verified["batches"][-1])
    assert event["partitions"]["3"] == {name: verified[name] for name in ("start", "end", "read", "accepted", "rejected", "gaps")}
    world.assert_all_counted()


def test_ctrl_c_leaves_nothing_running(made: Made) -> None:
    started = made.processes
    assert len(started) > 5
    made.process.send_signal(signal.SIGINT)
    assert made.process.wait(60) == 0
    assert not any(map(is_alive, started))
    assert find_broker(made.project / "data" / "kafka") is None
    assert "nothing is left running" in (made.project / "said.txt").read_text()
