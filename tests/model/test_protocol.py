"""Every state of the protocol's model up to a bound, and that each of its rules is needed."""

from dataclasses import fields
from functools import partial

import pytest

from tests.model.protocol import Bound, Rules, beginning, broken, following, without
from tests.model.search import Search, search

SMALL, MOST = Bound(batches=2, fences=3, harm=1), 200_000


def searched(rules: Rules, bound: Bound) -> Search:
    return search(beginning(bound), partial(following, rules=rules, bound=bound), broken, MOST)


def test_no_state_that_two_drivers_can_reach_is_wrong() -> None:
    found = searched(Rules(), SMALL)
    assert (found.complete, found.broken, found.way) == (True, None, ())
    assert found.states > 50_000


@pytest.mark.parametrize("rule", [one.name for one in fields(Rules)])
def test_without_one_of_its_rules_the_protocol_breaks(rule: str) -> None:
    found = searched(without(rule), SMALL)
    assert found.broken is not None, f"{found.states} states are right without the rule {rule}"
