"""What all tests of worlds share."""

import pytest


@pytest.fixture(autouse=True)
def fault_points(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DAYFOLD_ALLOW_FAULTS", "1")
