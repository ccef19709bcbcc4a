"""The transaction ends without the run: its time is over, another producer takes its name, or its records are not delivered."""

import shutil
from collections.abc import Callable

import pytest
from confluent_kafka import IsolationLevel, Producer
from confluent_kafka.admin import AlterConfigOpType, ConfigEntry, ConfigResource, ResourceType

from spark_jobs.base.errors import ConfigurationError, TransactionOpen
from spark_jobs.outlook.lookahead import look_ahead
from tests.faults.batches import send_some
from tests.faults.forging import output_ends
from tests.faults.network import Network, attempt, prove_harmless, prove_whole
from tests.faults.shown import causes
from tests.submitted import wait_until
from tests.watcher import watching
from tests.world import World

pytestmark = pytest.mark.group("BF")

INSIDE = ["after:begin_transaction", "after:delivered", "after:send_offsets", "before:commit_transaction"]
WRITTEN = INSIDE[1:]
"""Where the broker knows of the transaction."""


def use_setting(world: World, line: str) -> None:
    properties = world.pipeline.kafka
    properties.write_text(f"{properties.read_text()}{line}\n")


def wait_until_aborted(world: World) -> None:
    """Until the broker has ended the transaction on the output by itself."""

    def is_aborted() -> bool:
        stable, high = (output_ends(world, level) for level in (IsolationLevel.READ_COMMITTED, IsolationLevel.READ_UNCOMMITTED))
        return sum(high) > 0 and stable == high

    wait_until(is_aborted, "the broker to abort the transaction", 60)


def take_over(world: World) -> None:
    """Another producer of the pipeline's name, as a run on another machine has it."""
    Producer({"bootstrap.servers": world.bootstrap, "transactional.id": world.pipeline.name}).init_transactions(20)


def set_output(world: World, key: str, value: str | None) -> None:
    """Change the output topic's config; None takes the change back."""
    how = AlterConfigOpType.DELETE if value is None else AlterConfigOpType.SET
    entry = ConfigEntry(key, value or "", incremental_operation=how)
    resource = ConfigResource(ResourceType.TOPIC, world.pipeline.output_name, incremental_configs=[entry])
    for future in world.admin.incremental_alter_configs([resource]).values():
        future.result(20)


@pytest.mark.thorough
@pytest.mark.proves("F34", "F40", "F42")
@pytest.mark.parametrize("point", WRITTEN)
def test_a_run_that_pauses_for_longer_than_its_transaction_may_last_publishes_nothing_of_it(
    proxied_world: World, network: Network, point: str
) -> None:
    use_setting(proxied_world, "transaction.timeout.ms=1500")
    code, _ = prove_harmless(proxied_world, network, point, lambda _: wait_until_aborted(proxied_world))
    assert code in (75, 76)


@pytest.mark.thorough
@pytest.mark.proves("F29", "F43")
@pytest.mark.parametrize("point", INSIDE)
def test_a_producer_that_is_fenced_inside_its_transaction_gives_way(proxied_world: World, network: Network, point: str) -> None:
    code, _ = prove_harmless(proxied_world, network, point, lambda _: take_over(proxied_world))
    assert code == 76


@pytest.mark.thorough
@pytest.mark.proves("F38")
def test_averages_that_are_not_delivered_are_not_committed(proxied_world: World) -> None:
    """The markers that end the transaction fit into the 100 bytes, the averages do not."""
    send_some(proxied_world, 1)
    with watching(proxied_world) as watcher:
        set_output(proxied_world, "max.message.bytes", "100")
        assert attempt(proxied_world, codes=[78]) == 78
        assert watcher.visible_batches() == set()
        set_output(proxied_world, "max.message.bytes", None)
        prove_whole(proxied_world)


@pytest.mark.thorough
@pytest.mark.proves("F31", "F40")
@pytest.mark.parametrize("point", INSIDE)
def test_a_crash_inside_a_transaction_holds_readers_back_only_until_the_next_run(proxied_world: World, point: str) -> None:
    send_some(proxied_world, 1)
    with watching(proxied_world) as watcher:
        assert proxied_world.run_with_fault(f"{point}:raise")
        assert watcher.visible_batches() == set()
        prove_whole(proxied_world)


@pytest.mark.thorough
@pytest.mark.proves("F31")
def test_a_transaction_that_a_dead_run_left_open_is_work_for_the_next_run_and_not_a_reason_to_wait(proxied_world: World) -> None:
    """Whoever looks ahead holds no fence: only the run itself can end the transaction."""
    send_some(proxied_world, 1)
    assert proxied_world.run_with_fault("before:commit_transaction:raise")
    pipeline = proxied_world.pipeline
    found = look_ahead(pipeline, {})
    assert (found.unfinished, found.problems, found.has_work(pipeline)) == (True, (), True)
    assert set(causes(proxied_world)) == {"publishing"}
    prove_whole(proxied_world)


@pytest.mark.proves("F31")
def test_a_transaction_of_tables_that_know_nothing_of_it_is_waited_for(proxied_world: World) -> None:
    """Without an unfinished batch the group may prove batches that an older copy of the tables has never heard of."""
    send_some(proxied_world, 1)
    assert proxied_world.run_with_fault("before:commit_transaction:raise")
    shutil.rmtree(proxied_world.tables)
    with pytest.raises(TransactionOpen):
        look_ahead(proxied_world.pipeline, {})


@pytest.mark.thorough
@pytest.mark.proves("F34")
@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("transaction.timeout.ms=86400000", r"allow at most 900000 \(transaction.max.timeout.ms\)"),
        ("socket.timeout.ms=299000000", "socket.timeout.ms must be between 10 and 300000"),
    ],
)
def test_a_time_that_nobody_can_grant_is_a_wrong_setting(proxied_world: World, line: str, told: str) -> None:
    send_some(proxied_world, 1)
    use_setting(proxied_world, line)
    run: Callable[[], object] = proxied_world.run
    with pytest.raises(ConfigurationError, match=told):
        run()
