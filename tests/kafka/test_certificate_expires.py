"""A broker's certificate that expires while a run works: what is connected goes on,
and the next connection says why there is none.
"""

import secrets
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from spark_jobs.access.properties import load_kafka_settings
from spark_jobs.base.errors import ConfigurationError
from spark_jobs.broker.cluster import connect
from spark_jobs.broker.publisher import Publisher
from spark_jobs.local.kafka.server import create_topics, start_kafka
from tests.kafka.secured import Authority, secured_options
from tests.kafka.secured_cluster import READINGS, Secured
from tests.submitted import wait_until

pytestmark = [pytest.mark.group("SE"), pytest.mark.thorough]

VALID = timedelta(seconds=75)
"""Long enough for a broker to start and be asked on a busy machine."""


@pytest.mark.proves("F115")
def test_a_certificate_that_expires_during_a_run_is_named_when_the_run_connects_again(tmp_path: Path) -> None:
    authority, expires = Authority(), datetime.now(UTC) + VALID
    passwords = {"broker": secrets.token_urlsafe(12)}
    options = secured_options(tmp_path, authority, passwords, {}, valid=VALID)
    with start_kafka(tmp_path / "kafka", options=options, tied_to_us=True) as kafka:
        secured = Secured(kafka, authority, passwords, options.client)
        create_topics(kafka.bootstrap, {READINGS: 1}, client=options.client)
        path = tmp_path / "kafka.properties"
        path.touch(mode=0o600)
        path.write_text("\n".join(secured.lines(tmp_path, "broker")))
        settings = load_kafka_settings(path, {})
        with connect(settings) as broker:
            assert broker.topic(READINGS).numbers == (0,)
            wait_until(lambda: datetime.now(UTC) > expires, "the certificate to expire", 2 * VALID.total_seconds())
            assert broker.topic(READINGS).numbers == (0,)
            with pytest.raises(ConfigurationError, match="certificate has expired"):
                Publisher.open(settings, "p").fence()
        with pytest.raises(ConfigurationError, match="certificate has expired"):
            connect(settings)
