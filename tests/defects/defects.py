"""The list: what is broken, where, and the tests that must fail then.

Each edit replaces a text that stands exactly once in its file, so that a change of the program that makes one meaningless is
noticed by `tests/unit/house/test_defects.py`.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Defect:
    """`edits` of `file`, each a text and what replaces it, break the program; `caught_by` are pytest's arguments.

    `beyond_worlds` says why no simulated world can notice it; all others must be noticed by worlds alone as well.
    """

    name: str
    file: str
    edits: tuple[tuple[str, str], ...]
    caught_by: tuple[str, ...]
    beyond_worlds: str = ""


CRASHES, KILLS, RUNS = "tests/faults/test_crashes.py", "tests/faults/test_kills.py", "tests/faults/test_concurrency.py"
AT_POINT = f"{CRASHES}::test_a_kill_at_any_point_loses_and_doubles_nothing"

SPARK = "Spark's part is done in plain Python there"
DOOR = "worlds begin behind the process and its JVM"
ONE_FILE = "the settings of a world stay as they are, and all its times have one form"
ONE_PIPELINE = "a world has one pipeline"
DECLARED = "a world has the daily average and no declared aggregate"


DEFECTS = (
    Defect(
        "a resumed plan is resolved again",
        "spark_jobs/run/story.py",
        (("plan = job.checkpoints.progress.unfinished or next_plan(job, topics)", "plan = next_plan(job, topics)"),),
        (f"{CRASHES}::test_more_input_between_a_kill_and_the_rerun_does_not_change_the_planned_batch",),
    ),
    Defect(
        "commits carry no batch number",
        "spark_jobs/lake/tables.py",
        (("return CommitProperties(app_transactions=[Transaction(app, version)])", "return CommitProperties()"),),
        (AT_POINT, "-k", "after:records_commit or after:contributions_commit"),
    ),
    Defect(
        "the proof is read before the older run is fenced",
        "spark_jobs/broker/publisher.py",
        (
            ("self._retry(self._producer.init_transactions, FENCE_SECONDS)", "pass"),
            (
                "            self._producer.begin_transaction()\n",
                "            self._retry(self._producer.init_transactions, FENCE_SECONDS)\n            "
                "self._producer.begin_transaction()\n",
            ),
        ),
        (RUNS, "-k", "sleeps_while_another_machine_finishes"),
    ),
    Defect(
        "published without looking for the proof",
        "spark_jobs/run/steps.py",
        (
            ("    left = _remaining(job, plan, question)\n", "    left = Remaining(question.expected, OutputEvidence())\n"),
            ("import Answer, Question, question_of", "import Answer, OutputEvidence, Question, question_of"),
        ),
        (AT_POINT, "-k", "after:commit_transaction"),
    ),
    Defect(
        "some averages are taken for all",
        "spark_jobs/outlook/proof.py",
        (('return "published" if all(map(output.may_be_gone, missing)) else "contradictory"', 'return "published"'),),
        ("tests/kafka/test_witnesses.py", "-k", "contradict_each_other"),
    ),
    Defect(
        "the group on one partition proves the batch",
        "spark_jobs/outlook/proof.py",
        (("    if not group.older and not group.silent:\n", "    if group.proving:\n"),),
        ("tests/unit/outlook/test_proof.py", "-k", "what_is_seen_decides"),
    ),
    Defect(
        "a group that went back is believed more than what readers see",
        "spark_jobs/outlook/proof.py",
        (("    if output.seen:\n", "    if output.seen and not group.older:\n"),),
        ("tests/kafka/test_witnesses.py", "-k", "went_back"),
    ),
    Defect(
        "averages behind an open transaction are overlooked",
        "spark_jobs/outlook/witnesses.py",
        (("        _require_nothing_hidden(broker, plan, question, topic, starts)\n", ""),),
        ("tests/kafka/test_witnesses.py", "-k", "may_hide"),
    ),
    Defect(
        "a confirmed commit is believed",
        "spark_jobs/run/steps.py",
        (
            (
                "    ends = confirm(job.broker, plan, question, publisher.last)\n",
                "    ends = left.output.ends if confirm else {}\n",
            ),
        ),
        ("tests/faults/test_false_answers.py", "--thorough", "-k", "never_took_effect"),
    ),
    Defect(
        "stable offsets are taken for visible averages",
        "spark_jobs/outlook/witnesses.py",
        (
            (
                "        return not last or broker.visible(pipeline, topic, last) == last.keys()\n",
                "        return True\n",
            ),
        ),
        ("tests/kafka/test_witnesses.py", "-k", "aborted_averages"),
    ),
    Defect(
        "an old answer of the group is taken for the new one",
        "spark_jobs/outlook/witnesses.py",
        (("    return not group_of(plan, committed).older and _are_visible", "    return bool(committed) and _are_visible"),),
        ("tests/kafka/test_witnesses.py", "-k", "old_offsets"),
    ),
    Defect(
        "older tables are not compared with the output",
        "spark_jobs/outlook/obstacles.py",
        (("    if found.shown > last:\n", "    if last < 0:\n"),),
        ("tests/faults/test_new_lives.py", "-k", "no_new_life"),
    ),
    Defect(
        "a new life begins with the first revision",
        "spark_jobs/run/story.py",
        (("    if not progress.table_ids:\n", "    if progress.last_batch < 0:\n"),),
        ("tests/faults/test_new_lives.py", "-k", "above_those"),
    ),
    Defect(
        "delivered records are not counted",
        "spark_jobs/broker/publisher.py",
        (("if self._failures or self._delivered != count:", "if self._delivered > count:"),),
        ("tests/kafka/test_publication.py", "-k", "not_delivered"),
    ),
    Defect(
        "the group's offsets are committed outside the transaction",
        "spark_jobs/broker/publisher.py",
        (
            (
                "        self._retry(lambda timeout: self._producer.send_offsets_to_transaction(ends, group, timeout), "
                "FENCE_SECONDS)\n",
                "        _ = group\n        self._group.commit(offsets=ends, asynchronous=False)\n",
            ),
        ),
        (AT_POINT, "-k", "before:commit_transaction"),
    ),
    Defect(
        "a partition without a stored offset is taken to begin at zero",
        "spark_jobs/outlook/topics.py",
        (
            (
                "return {partition.number: partition.low for partition in topic.partitions}",
                "return {partition.number: 0 for partition in topic.partitions}",
            ),
        ),
        ("tests/faults/test_input_losses.py", "-k", "begins_where_the_log_begins"),
    ),
    Defect(
        "aborted records are read",
        "spark_jobs/readings/messages.py",
        (('"kafka.isolation.level": "read_committed"', '"kafka.isolation.level": "read_uncommitted"'),),
        ("tests/faults/test_input_gaps.py", "-k", "markers_and_aborted"),
        beyond_worlds=SPARK,
    ),
    Defect(
        "a file that partitions share counts as one partition's",
        "spark_jobs/lake/record_files.py",
        (('_is_one(file, "batch") and _is_one(file, "partition") for file', '_is_one(file, "batch") for file'),),
        ("tests/unit/lake/test_record_files.py", "-k", "exact_and_shared"),
    ),
    Defect(
        "offsets of partitions that share a file are taken for each other's",
        "spark_jobs/lake/record_files.py",
        (("shift[one.partition] = end - one.end", "shift[one.partition] = -one.start"),),
        ("tests/unit/lake/test_record_files.py", "-k", "held_or_not"),
    ),
    Defect(
        "an older run may put old sums back",
        "spark_jobs/lake/tables.py",
        (('predicate=f"target.{BATCH} <= source.{BATCH}"', "predicate=None"),),
        ("tests/unit/lake/test_tables.py", "-k", "older_batch"),
    ),
    Defect(
        "a day is set to what this batch adds",
        "spark_jobs/run/steps_totals.py",
        (('contributions, (BATCH, "<=", plan.batch))', 'contributions, (BATCH, "=", plan.batch))'),),
        ("tests/faults/test_first_starts_and_batches.py", "-k", "closed_day"),
    ),
    Defect(
        "the newest checkpoints are read from an unfinished plan on",
        "spark_jobs/lake/checkpoint_log.py",
        (("row.kind is Planned and row.batch in finished]", "row.kind is Planned]"),),
        ("tests/unit/progress/test_checkpoints.py", "-k", "stands_where_all_rows_stand"),
    ),
    Defect(
        "progress is as many offsets as there were records",
        "spark_jobs/run/steps.py",
        (
            (
                "        ranges=plan.ranges,\n        counts=tally.counts,\n",
                "        ranges=tuple(replace(one, end=one.start + two.read) for one, two in zip(plan.ranges, tally.counts)),\n"
                "        counts=tally.counts,\n",
            ),
        ),
        ("tests/faults/test_input_gaps.py", "-k", "markers"),
    ),
    Defect(
        "a topic created again is taken for the old one",
        "spark_jobs/outlook/still_there.py",
        (
            (
                "    if progress.topic_id not in (None, topic.id):\n        raise TopicRecreated(topic.name, "
                "str(progress.topic_id), topic.id)\n",
                "",
            ),
        ),
        ("tests/faults/test_recreated_topics.py", "-k", "stops_the_run_until_it_is_adopted"),
    ),
    Defect(
        "a deleted group means unpublished",
        "spark_jobs/outlook/proof.py",
        (("    missing = output.missing(expected)\n", "    missing = expected if group.silent else output.missing(expected)\n"),),
        ("tests/faults/test_publication_proof.py", "-k", "deleted_group_after"),
    ),
    Defect(
        "the driver outlives its JVM",
        "spark_jobs/daily_averages.py",
        (("    ctypes.CDLL(None).prctl(PARENT_DEATH_SIGNAL, signal.SIGKILL)\n", "    ctypes.CDLL(None)\n"),),
        (f"{KILLS}::test_a_kill_of_one_of_the_two_processes_leaves_no_orphan_and_no_harm", "-k", "after:produce"),
        beyond_worlds=DOOR,
    ),
    Defect(
        "gaps are believed",
        "spark_jobs/run/steps_records.py",
        (("    if missing is not None:\n", "    if missing is not None and not job:\n"),),
        ("tests/faults/test_gaps.py", "-k", "nothing_explains"),
    ),
    Defect(
        "whoever changed records meanwhile is taken for a run that wrote the batch",
        "spark_jobs/lake/batch_commit.py",
        (("            if lake.known_batch(table) >= batch:\n", "            if table:\n"),),
        ("tests/faults/test_maintenance.py", "-k", "middle_of_a_run and before:records_commit"),
    ),
    Defect(
        "a batch that was counted is averaged with whatever Kafka shows later",
        "spark_jobs/run/steps_counts.py",
        (("        if before != after:\n", "        if before is None:\n"),),
        ("tests/faults/test_averages_only.py", "-k", "shows_less"),
    ),
    Defect(
        "the counts of a batch without records are stored once it is averaged",
        "spark_jobs/run/steps_counts.py",
        (("    job.checkpoints.append_or_agree(counted_row(", "    _ = (counted_row("),),
        ("tests/faults/test_averages_only.py", "-k", "needs_kafka_no_more"),
    ),
    Defect(
        "an extra field may occur twice",
        "spark_jobs/readings/records.py",
        (("F.size(keys) == F.size(F.array_distinct(keys))", "keys.isNotNull()"),),
        ("tests/spark/test_records.py", "-k", "only_one_whole_json_object"),
        beyond_worlds=SPARK,
    ),
    Defect(
        "the bytes of a message with a skipped local time are thrown away",
        "spark_jobs/readings/records.py",
        (('F.lit(True) if rules.timezone == "UTC" else says_instant(cut_time, formats[0])', "F.lit(True)"),),
        ("tests/spark/test_records.py", "-k", "belongs_to_its_local_day"),
        beyond_worlds=SPARK,
    ),
    Defect(
        "a fraction before 1970 is cut toward zero, into the next day",
        "spark_jobs/readings/event_times.py",
        (("F.floor(micros).cast", "micros.cast"),),
        ("tests/spark/test_records.py", "-k", "cut_toward_the_past"),
        beyond_worlds=SPARK,
    ),
    Defect(
        "seconds that are read as milliseconds are readings of January 1970",
        "spark_jobs/pipeline/time_formats.py",
        (("return EARLIEST_OF_EPOCHS if", "return EARLIEST if"),),
        ("tests/unit/pipeline/test_time_formats.py", "-k", "wrong_unit"),
        beyond_worlds=ONE_FILE,
    ),
    Defect(
        "whole parts are added up in one number",
        "spark_jobs/aggregates/states.py",
        (
            (
                'for part in (*trillions, millions, f"{whole} % 1000000"))',
                'for part in (f"{whole} * 0", whole))',
            ),
        ),
        ("tests/spark/test_sums.py",),
        beyond_worlds=SPARK,
    ),
    Defect(
        "the newest batch may be pruned",
        "spark_jobs/maintenance/retention.py",
        (("done_rows(rows)[:-1]", "done_rows(rows)"),),
        ("tests/unit/maintenance/test_retention.py", "-k", "never_the_newest"),
    ),
    Defect(
        "a pruning leaves no number",
        "spark_jobs/lake/tables.py",
        (
            (
                "    transactions = [Transaction(lake.pruning, pruned)] if pruned else None\n",
                "    transactions = [] if pruned else None\n",
            ),
        ),
        ("tests/unit/maintenance/test_maintain.py", "-k", "outlives_the_commits"),
    ),
    Defect(
        "files that a frozen run may still commit are vacuumed",
        "spark_jobs/maintenance/maintain.py",
        (("full=work.unfinished is None)", "full=True)"),),
        ("tests/unit/maintenance/test_maintain.py", "-k", "frozen_run_may_still_commit"),
    ),
    Defect(
        "a changed definition is not noticed",
        "spark_jobs/progress/redefinition.py",
        (("return changes(progress.definition, now) if progress.definition else ()", "return ()"),),
        ("tests/faults/test_redefinitions.py", "-k", "another_field or finished_where"),
        beyond_worlds=ONE_FILE,
    ),
    Defect(
        "an output topic may serve two pipelines",
        "spark_jobs/outlook/output_owner.py",
        (("return owners - {pipeline}", "return owners - owners"),),
        ("tests/faults/test_redefinitions.py", "-k", "share_an_output_topic"),
        beyond_worlds=ONE_PIPELINE,
    ),
    Defect(
        "averages are published again while a batch is unfinished",
        "spark_jobs/run/republish.py",
        (("if progress.unfinished is not None:", "if progress.unfinished is progress:"),),
        ("tests/faults/test_republish.py", "-k", "waits_for_an_unfinished_batch"),
    ),
    Defect(
        "a log that has grown again is taken for the one that was read",
        "spark_jobs/outlook/still_there.py",
        (
            (
                "    others = replaced(progress.ends, broker.find_cut(topic.name, positions_to_check(progress.ends, "
                "progress.epochs, topic)))\n",
                "    others: tuple[Loss, ...] = ()\n",
            ),
        ),
        ("tests/faults/test_replaced_log.py", "-k", "stops_until_the_loss_is_accepted"),
    ),
    Defect(
        "rows of the checkpoints are believed in any order",
        "spark_jobs/progress/row_order.py",
        (("if following in FOLLOWS[kind] and number == batch + (following is Planned):", "if number >= 0:"),),
        ("tests/unit/progress/test_checkpoints.py", "-k", "order_in_which_no_run_writes_them"),
    ),
    Defect(
        "a row that the store refused is somebody else's",
        "spark_jobs/lake/checkpoint_log.py",
        (("            if len(later) > 1 or not is_ours(later[0][1]):\n", "            if later:\n"),),
        ("tests/unit/progress/test_checkpoints.py", "-k", "landed_although_it_was_refused"),
    ),
    Defect(
        "a commit that the store refused is taken for done",
        "spark_jobs/lake/batch_commit.py",
        (("            if lake.known_batch(table) >= batch:\n", "            if table.version() >= 0:\n"),),
        ("tests/unit/lake/test_batch_commit.py", "-k", "never_taken_for_done"),
    ),
    Defect(
        "the hour that the clocks show twice is one window",
        "spark_jobs/aggregates/windows.py",
        (
            (
                "        return pc.subtract(instants, pc.subtract(shown, begun))\n",
                "        return pc.assume_timezone(begun, self.zone, ambiguous='earliest').cast(self.type)\n",
            ),
        ),
        ("tests/unit/aggregates/test_windows.py",),
        beyond_worlds=DECLARED,
    ),
    Defect(
        "null is the empty text where groups are merged",
        "spark_jobs/aggregates/grouping.py",
        (("f\"{' = '.join(filled)} AND ({left} IS NULL) = ({right} IS NULL)\"", "f\"{' = '.join(filled)}\""),),
        ("tests/unit/aggregates/test_aggregate.py",),
        beyond_worlds=DECLARED,
    ),
    Defect(
        "a group is placed by its window as well",
        "spark_jobs/aggregates/messages.py",
        (
            (
                "    dimensions = {one.column: row[one.column] for one in aggregate.dimensions}\n    if PARTITION",
                "    dimensions = dict(group_fields(aggregate, row))\n    if PARTITION",
            ),
        ),
        ("tests/faults/test_declared.py", "-k", "plain_python_does and ads"),
        beyond_worlds=DECLARED,
    ),
    Defect(
        "a record of which nobody knows whether it counts is counted",
        "spark_jobs/readings/declared_records.py",
        (('F.coalesce("_where", F.lit(False))', 'F.coalesce("_where", F.lit(True))'),),
        ("tests/spark/test_declared_records.py",),
        beyond_worlds=SPARK,
    ),
    Defect(
        "an expression that cannot be worked out is null",
        "spark_jobs/readings/declared_records.py",
        (
            (
                "    return reduce(lambda failed, name: failed & F.col(name).isNotNull(), rule.reads, value.isNull())\n",
                "    return F.lit(False)\n",
            ),
        ),
        ("tests/spark/test_declared_records.py",),
        beyond_worlds=SPARK,
    ),
    Defect(
        "one aggregate that was added up stands for all",
        "spark_jobs/progress/standing.py",
        (("not all(one.contributed for one in sums)", "not any(one.contributed for one in sums)"),),
        ("tests/unit/progress/test_standing.py",),
        beyond_worlds=DECLARED,
    ),
    Defect(
        "the first value is the one that came first",
        "spark_jobs/aggregates/grouping.py",
        (('    ordered = rows.sort_by([*((name, "ascending") for name in group), *order])\n', "    ordered = rows\n"),),
        ("tests/declared/test_totals.py", "-k", "sensors"),
        beyond_worlds=DECLARED,
    ),
    Defect(
        "a rebuild reads the batches that count already",
        "spark_jobs/run/spark_engine.py",
        (("(1, plan.rebuild.upto) if plan.rebuild", "(1, plan.batch) if plan.rebuild"),),
        ("tests/faults/test_rebuild.py", "-k", "counts_from_its_first_batch"),
        beyond_worlds=SPARK,
    ),
    Defect(
        "a rebuild is done again with each call",
        "spark_jobs/progress/beginnings.py",
        (("if one.planned.batch > planned.plan.rebuild.upto]", "]"),),
        ("tests/unit/progress/test_beginnings.py",),
        beyond_worlds=DECLARED,
    ),
    Defect(
        "published numbers keep 28 digits",
        "spark_jobs/aggregates/messages.py",
        (('    text = f"{value:f}"\n', '    text = f"{value + 0:f}"\n'),),
        ("tests/unit/run/test_output_records.py",),
        beyond_worlds=DECLARED,
    ),
    Defect(
        "no older run is fenced",
        "spark_jobs/broker/publisher.py",
        (("self._retry(self._producer.init_transactions, FENCE_SECONDS)", "pass"),),
        ("tests/kafka/test_publication.py",),
    ),
    Defect(
        "the batches of a run share one fence",
        "spark_jobs/run/story.py",
        (("publisher = fenced(pipeline, kafka) if plan else publisher", "publisher.last = {}"),),
        ("tests/worlds/test_traces.py",),
    ),
    Defect(
        "a row goes behind whatever row is the newest",
        "spark_jobs/lake/tables.py",
        (
            (
                '        write_deltalake(table, rows, mode="append", commit_properties=committed_as(app, version))\n',
                '        write_deltalake(table.table_uri, rows, mode="append", commit_properties=committed_as(app, version))\n',
            ),
        ),
        ("tests/unit/progress/test_checkpoints.py", "tests/unit/lake/test_tables.py"),
    ),
    Defect(
        "files go into whatever version is the newest",
        "spark_jobs/lake/tables.py",
        (
            (
                "    with committing(table):\n        table.create_write_transaction(",
                "    with committing(table):\n        table.update_incremental()\n        table.create_write_transaction(",
            ),
        ),
        ("tests/unit/lake/test_tables.py",),
    ),
    Defect(
        "the disk is not asked to keep what was committed",
        "spark_jobs/lake/tables.py",
        (("    sync_commits(table.table_uri, max(0, since - KEPT_COMMITS))\n", ""),),
        ("tests/worlds/test_power_cuts.py",),
    ),
    Defect(
        "the disk is asked to keep the files of a commit and not its names",
        "spark_jobs/lake/durability.py",
        (("*sorted(_folders_of(files, folder), reverse=True), *folder.parents[:LAKE_DEPTH]", "*folder.parents[:0]"),),
        ("tests/worlds/test_power_cuts.py",),
    ),
    Defect(
        "what a dead run left to the disk is not kept by the next one",
        "spark_jobs/lake/tables.py",
        (("KEPT_COMMITS = 3", "KEPT_COMMITS = 0"),),
        ("tests/worlds/test_power_cuts.py",),
    ),
    Defect(
        "a row of the checkpoints is appended behind one that the disk may not have",
        "spark_jobs/lake/checkpoint_log.py",
        (("            self._lake.keep(CHECKPOINTS)\n            self._is_kept = True\n", "            self._is_kept = True\n"),),
        ("tests/worlds/test_power_cuts.py",),
    ),
    Defect(
        "commits whose files are gone are not named",
        "spark_jobs/lake/health.py",
        (("if not damages and (lost := lost_work(lake, name, log)):", "if damages and (lost := lost_work(lake, name, log)):"),),
        ("tests/worlds/test_power_cuts.py", "tests/unit/lake/test_lost_work.py"),
    ),
    Defect(
        "the audit takes any states for those of readings",
        "spark_jobs/audit/judging.py",
        (("    findings.differences += contradictory\n", ""),),
        ("tests/faults/test_audit_of_tables.py", "-k", "least_value_changed_to_more"),
    ),
    Defect(
        "a revision grows with each try",
        "spark_jobs/lake/tables.py",
        (("CASE WHEN target.{BATCH} < source.{BATCH} THEN", "CASE WHEN target.{BATCH} <= source.{BATCH} THEN"),),
        (AT_POINT, "-k", "after:averages_commit"),
    ),
    Defect(
        "a batch that is stored is stored again",
        "spark_jobs/run/steps_records.py",
        (
            (
                "    if job.lake.known_batch(table) < plan.batch:\n        require_still_there",
                "    if table:\n        require_still_there",
            ),
        ),
        (AT_POINT, "-k", "after:records_commit"),
    ),
    Defect(
        "all averages are published where some of them are left",
        "spark_jobs/run/steps.py",
        (
            (
                "    publisher.publish(question.output_topic, [",
                "    publisher.publish(question.output_topic, list(records.values()) or [",
            ),
        ),
        ("tests/faults/test_torn_publication.py", "-k", "operators_decision"),
    ),
    Defect(
        "audit passes over what the output shows",
        "spark_jobs/audit/reconcile.py",
        (("        if None not in judged:\n", "        if None in judged:\n"),),
        ("tests/faults/test_audit_of_topics.py",),
    ),
    Defect(
        "audit passes over the group",
        "spark_jobs/audit/reconcile.py",
        (("        findings.differences += check_group(evidence.known, pipeline.name, evidence.group or {})\n", ""),),
        ("tests/faults/test_audit_of_topics.py",),
    ),
    Defect(
        "audit passes over the records",
        "spark_jobs/audit/reconcile.py",
        (("        if evidence.records is not None:\n", "        if evidence.records is None:\n"),),
        ("tests/faults/test_audit_of_tables.py",),
    ),
    Defect(
        "audit passes over every row",
        "spark_jobs/audit/reconcile.py",
        (("        findings.differences += rows.differences\n", ""),),
        ("tests/faults/test_audit_of_tables.py", "tests/faults/test_audit_of_topics.py"),
    ),
    Defect(
        "an audit holds every batch to all aggregates",
        "spark_jobs/audit/ledger.py",
        (("        return self.published is None or aggregate in self.published\n", "        return True\n"),),
        ("tests/faults/test_declared_changes.py", "-k", "held_to_the_aggregates"),
    ),
    Defect(
        "a run that slept gives tables the columns of an abandoned plan",
        "spark_jobs/lake/columns.py",
        (("if lake.known_batch(table) < batch and _differing", "if _differing"),),
        ("tests/unit/lake/test_columns.py", "-k", "past_it"),
    ),
    Defect(
        "tables keep the columns of an abandoned plan",
        "spark_jobs/run/steps.py",
        (("    if followed is None or layout_of", "    if followed is not None and layout_of"),),
        ("tests/faults/test_corrected_settings.py", "-k", "planned_by_corrected_settings"),
    ),
    Defect(
        "a time without a date is one of the day of the run",
        "spark_jobs/pipeline/expression_trees.py",
        (("    return exp.Case(ifs=[exp.If(this=has_date, true=found)])\n", "    return found\n"),),
        ("tests/spark/test_expressions.py", "-k", "day_of_the_run"),
    ),
    Defect(
        "sums of long numbers are added up in two parts",
        "spark_jobs/aggregates/states.py",
        (("if self.scale < PLACES else []", "if self.scale < 0 else []"),),
        ("tests/spark/test_sums.py", "-k", "any_number"),
    ),
    Defect(
        "what a batch adds up to is committed before it is counted",
        "spark_jobs/run/steps_totals.py",
        (("        _require_as_many(job, plan, aggregate, added, wanted)\n", ""),),
        ("tests/unit/run/test_steps_totals.py",),
    ),
)
