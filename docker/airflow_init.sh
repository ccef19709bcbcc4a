#!/bin/sh
# Once per start of the stack: Airflow's database brought to this version, and the admin's password where its web server looks.
set -eu

airflow db migrate
umask 077
python - <<'EOF'
import json, os, pathlib

path = pathlib.Path(os.environ["AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE"])
beside = path.with_suffix(".part")
beside.write_text(json.dumps({"admin": os.environ["AIRFLOW_ADMIN_PASSWORD"]}))
beside.replace(path)
EOF
