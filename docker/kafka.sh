#!/bin/sh
# Formats the storage at the first start, then becomes the broker. Everything it needs to know is in the environment.
set -eu

project=$(cd "$(dirname "$0")/.." && pwd)
settings=$project/docker/kafka.properties
java() {
    exec "${JAVA_HOME:+$JAVA_HOME/bin/}java" -XX:-UsePerfData "-Dlog4j2.configurationFile=$project/docker/log4j2.properties" "$@"
}

# The admin's login is part of the formatted storage. The tool reads its arguments from a file, because every argument of a
# process can be seen in ps.
umask 077
arguments=$(mktemp)
trap 'rm -f "$arguments"' EXIT
cat >"$arguments" <<EOF
format
--standalone
--ignore-formatted
--cluster-id=$KAFKA_CLUSTER_ID
--config=$settings
--add-scram
SCRAM-SHA-512=[name=admin,password=$KAFKA_ADMIN_PASSWORD]
EOF
(java -Xmx128m -cp "$project/jars/kafka/*" kafka.tools.StorageTool "@$arguments")
rm -f "$arguments"

java "-Xmx${KAFKA_HEAP:-512m}" -cp "$project/jars/kafka/*" kafka.Kafka "$settings"
