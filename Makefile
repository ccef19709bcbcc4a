# Everything is made inside this folder: .venv, jars, data, reports. `make` alone lists what there is.

VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed

# Python itself does not start in a folder whose name is not ASCII where the locale is C.
export LC_ALL := C.UTF-8

.DEFAULT_GOAL := help
.PHONY: help setup demo airflow test test-long browser faults faults-again faults-docs soak millions defects defects-worlds lint format types worlds model notebooks notebooks-refresh bench bench-small bench-docs bench-audit flink cluster secrets clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-18s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(INSTALLED) ## Python packages, Java and jars: whatever is missing
	@$(BIN)/python -m compileall -q spark_jobs dags
	@$(BIN)/python -m spark_jobs.local.setup

# uv.lock decides; pyproject.toml adds the console script; the script says how.
$(INSTALLED): uv.lock pyproject.toml scripts/make_venv.sh
	@sh scripts/make_venv.sh $(VENV)
	@touch $@

demo: setup ## The whole pipeline on real readings: embedded Kafka, Airflow, Spark, Delta
	@$(BIN)/dayfold demo

airflow: setup ## A whole Airflow with its web UI on this machine, until Ctrl-C: make airflow PORT=8080
	@$(BIN)/dayfold airflow $(if $(PORT),--port $(PORT))

test: lint types ## Lint, types and the tests that CI runs, on a Kafka of their own; the longest cases are in test-long and faults
	@$(BIN)/pytest -n $(or $(WORKERS),2) --dist loadgroup

test-long: setup browser ## What `make test` leaves out: a whole Airflow and its pages, the commands of the containers, a Spark cluster, notebooks
	@$(BIN)/pytest --thorough -m thorough -n $(or $(WORKERS),2) --dist loadgroup tests/airflow tests/dags tests/end_to_end

browser: ## Chromium and its driver for the tests of Airflow's pages: whatever is missing
	@sh scripts/find_browser.sh

faults: setup ## Every fault case, more than two hours on two cores, or a part: make faults PART=1/2, then 2/2; a summary in reports/faults.md
	@$(BIN)/pytest --faults --part $(or $(PART),1/1) -q -n $(or $(WORKERS),3) --dist loadgroup

faults-again: setup ## Only the cases that failed in the last `make faults`; the summary names them
	@$(BIN)/pytest --faults -q --last-failed --last-failed-no-failures none

faults-docs: setup ## Take the results of the last `make faults` into docs/
	@$(BIN)/python -m tests.fault_docs

soak: setup ## Batches with a random fault in every second one: make soak MINUTES=10 SEED=1
	@$(BIN)/pytest -q tests/faults/soak.py --minutes $(or $(MINUTES),10) --seed $(or $(SEED),1)

millions: setup ## A million messages of each example, cut into 1, 7 and 23 batches, against plain Python: an hour on two cores
	@$(BIN)/pytest --thorough -q --log-cli-level INFO tests/declared/test_millions.py

defects: setup ## Break the program on purpose, one rule at a time; each time a test must fail
	@$(BIN)/python -m tests.defects.apply

defects-worlds: setup ## Break the program on purpose; each time simulated worlds alone must notice: make defects-worlds WORLDS=2000 WORDS=fence
	@$(BIN)/python -m tests.defects.apply --worlds $(or $(WORLDS),2000) $(WORDS)

worlds: setup ## Runs in simulated worlds, each of them a seed: make worlds WORLDS=1000 FIRST=1, or the story of one: SEED=17
	@$(BIN)/python -m tests.worlds --worlds $(or $(WORLDS),1000) --first $(or $(FIRST),1) $(if $(SEED),--seed $(SEED))

model: setup ## Every state of the protocol's model up to a bound: make model BATCHES=3 FENCES=5 HARM=2 MOST=20000000
	@$(BIN)/python -m tests.model --batches $(or $(BATCHES),3) --fences $(or $(FENCES),5) --harm $(or $(HARM),2) --most $(or $(MOST),20000000)

notebooks: setup ## JupyterLab on the tables: on loopback only, and with a token
	@$(BIN)/python -m spark_jobs.local.notebooks

notebooks-refresh: demo ## Execute the notebooks on the demo's tables, store their outputs and the picture of the README
	@$(BIN)/python -m spark_jobs.local.notebooks refresh

lint: setup ## Rules and formatting of the code, changing nothing
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check

format: setup ## Mend what can be mended by itself
	@$(BIN)/ruff check --fix
	@$(BIN)/ruff format

types: setup ## Static types
	@$(BIN)/mypy

bench: setup ## Time ours beside the alternatives: make bench WORKS="small two_million" REPEATS=3 (see benchmarks/works.py)
	@$(BIN)/python -m benchmarks $(WORKS) --repeats $(or $(REPEATS),3)

# The first compiler alone, as in the tests: JVMs that live for seconds take a third less.
bench-small: setup ## The contestants with next to no records: whether they are right, not how fast
	@JDK_JAVA_OPTIONS=-XX:TieredStopAtLevel=1 $(BIN)/python -m benchmarks two_million --tiny --repeats 1 --contestants ours ours_averages streaming_averages \
	  streaming_everything_tuned tutorial polars flink java_reading librdkafka_reading spark_reading
	@JDK_JAVA_OPTIONS=-XX:TieredStopAtLevel=1 $(BIN)/python -m benchmarks small --tiny --repeats 1 --contestants ours tutorial polars
	@JDK_JAVA_OPTIONS=-XX:TieredStopAtLevel=1 $(BIN)/python -m benchmarks ads ads_run_10 ads_people --tiny --repeats 1

bench-docs: setup ## Take the results of the last `make bench` into docs/
	@$(BIN)/python -m benchmarks.report

flink: setup ## Flink in an environment of its own (.flink, 0.7 GB), for `make bench`
	@sh scripts/make_flink.sh .flink $(BIN)/python

bench-audit: setup ## Time `dayfold audit` on a lake of two million records
	@$(BIN)/python -m benchmarks.audit

cluster: setup ## A Spark master and a worker on loopback, until Ctrl-C: docs/docker.md
	@$(BIN)/python -m spark_jobs.local.spark_cluster

secrets: ## Random passwords and keys for docker-compose.yml into .env; NEW=1 makes all of them again
	@NEW=$(NEW) sh scripts/make_secrets.sh .env

# What is in .gitignore, so that nothing stays behind: a test compares the two. These names are removed wherever they are.
ANYWHERE := __pycache__ .pytest_cache .mypy_cache .ruff_cache .hypothesis spark-warehouse metastore_db derby.log '*.egg-info' .ipynb_checkpoints

clean: ## Stop the embedded Kafka and remove everything made here, except .env: the volumes of the containers need its passwords
	-@test ! -x $(BIN)/dayfold || $(BIN)/dayfold broker stop
	@rm -rf $(VENV) .flink jars data reports airflow
	@find . -name .git -prune -o \( -false $(foreach name,$(ANYWHERE),-o -name $(name)) \) -prune -exec rm -rf {} +
