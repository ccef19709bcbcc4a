"""Whether a batch can be executed here as it was or would be planned: asked before a plan is stored, and before a stored one is
resumed.

A plan outlives the settings, the Java and the version of this program that it was made with, and nothing but its own words may be
executed. So one that cannot be executed any more stops the run and names the way on; it never wedges the pipeline. Needs no Spark
and no JVM.
"""

import re

from spark_jobs.base.errors import ConfigurationError, DecisionNeeded, go_on
from spark_jobs.launch.java_zones import zone_trouble
from spark_jobs.pipeline.input_settings import MAX_SCALE, MAX_WHOLE_DIGITS
from spark_jobs.pipeline.rules import DeclaredRules, Rules
from spark_jobs.pipeline.time_formats import time_formats
from spark_jobs.progress.offsets import Plan
from spark_jobs.progress.standing import Standing


def require_plannable(rules: Rules) -> None:
    """Raise `ConfigurationError` if a batch that is planned by these rules could not be executed."""
    if trouble := rules_trouble(rules):
        raise ConfigurationError(f"the settings cannot be executed: {trouble}. Correct them, or run it with another Java")


def require_executable(plan: Plan, standing: Standing) -> None:
    """Raise `DecisionNeeded` if a stored plan cannot be executed. Its rules are not needed any more once the batch is read."""
    trouble = plan.trouble or _trouble_of_rules(plan)
    if trouble is None or (plan.trouble is None and not standing.needs_kafka):
        return
    begins = f"batch {plan.batch} was planned, but its plan cannot be executed here: {trouble}."
    if standing.counts_already:
        raise DecisionNeeded(
            f"{begins} It has been averaged already and cannot be abandoned: finish it with the version of Dayfold and the "
            "Java that planned it, or bring back the newest copy of the table checkpoints."
        )
    raise DecisionNeeded(
        f"{begins} Nothing of it was averaged. {go_on('abandon')} to plan it again by today's settings, or finish it with the "
        "version of Dayfold and the Java that planned it.",
        ("abandon",),
    )


def _trouble_of_rules(plan: Plan) -> str | None:
    if not re.fullmatch("[A-Za-z0-9-]{8,}", plan.nonce):
        return "its nonce is not 8 or more letters, digits or hyphens"
    return rules_trouble(plan.rules)


def rules_trouble(rules: Rules) -> str | None:
    """Why rules could not be executed, none if they can."""
    try:
        time_formats(rules.time_format)
    except ValueError as error:
        return str(error)
    if isinstance(rules, DeclaredRules):
        return zone_trouble(rules.timezone)
    whole = rules.precision - rules.scale
    if not (0 <= rules.scale <= MAX_SCALE and 0 <= whole <= MAX_WHOLE_DIGITS and rules.precision > 0):
        return f"decimal({rules.precision},{rules.scale}) does not fit the tables"
    return zone_trouble(rules.timezone)
