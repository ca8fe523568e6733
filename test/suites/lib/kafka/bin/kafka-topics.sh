#!/bin/sh
# Stands in for the script of a Kafka distribution: what librdkafka's tests use of it.
exec node "$(dirname "$0")/../kafka-topics.mjs" "$@"
