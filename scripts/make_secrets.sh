#!/bin/sh
# Writes the file $1 (.env) with random passwords and keys for docker-compose.yml, for its owner only. What is in the file stays:
# only names that are missing are added. With NEW=1 all of it is made again; volumes that know the old ones must then go too.
set -eu

file=$1
umask 077
[ "${NEW:-}" != 1 ] || rm -f "$file"
[ ! -e "$file" ] || chmod 600 "$file"
touch "$file"

# $1 random bytes as text without characters that a shell, a URL or a properties file would treat in a way of its own.
random() {
    head -c "$1" /dev/urandom | base64 | tr -d '\n' | tr '+/' '-_'
}

unpadded() {
    random "$1" | tr -d '='
}

# The last line may have been written by hand, without an end.
[ ! -s "$file" ] || [ -z "$(tail -c 1 "$file")" ] || echo >>"$file"

added=0
add() {
    grep -q "^$1=" "$file" && return
    printf '%s=%s\n' "$1" "$2" >>"$file"
    added=$((added + 1))
}

add COMPOSE_PROFILES core,airflow,spark,notebooks
add KAFKA_CLUSTER_ID "$(unpadded 16)"
add KAFKA_ADMIN_PASSWORD "$(unpadded 32)"
add KAFKA_PIPELINE_PASSWORD "$(unpadded 32)"
add KAFKA_LOADER_PASSWORD "$(unpadded 32)"
add POSTGRES_PASSWORD "$(unpadded 32)"
add AIRFLOW_ADMIN_PASSWORD "$(unpadded 18)"
add AIRFLOW_FERNET_KEY "$(random 32)"
add AIRFLOW_SECRET_KEY "$(unpadded 32)"
add AIRFLOW_JWT_SECRET "$(unpadded 64)"
add SPARK_SECRET "$(unpadded 32)"
add JUPYTER_TOKEN "$(unpadded 32)"

if [ "$added" = 0 ]; then
    echo "$file has everything already; nothing was changed (NEW=1 makes all of it again)"
else
    echo "$file: $added values added, readable by you only. To log in to Airflow: user admin, password AIRFLOW_ADMIN_PASSWORD."
fi
