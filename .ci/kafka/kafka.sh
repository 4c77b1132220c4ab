#!/usr/bin/env bash
# A real Apache Kafka for tests, without containers: brokers (KRaft, broker and controller in one) on the loopback interface,
# from Maven Central's jars. Needs Java 17 or newer, and Maven the first time. Linux.
#
#   kafka.sh fetch                      gets the jars, once
#   kafka.sh up FOLDER ADDRESS:PORT     starts the broker whose data are in FOLDER (made where missing), and waits until it
#                                       answers; where it runs already, only waits. The controller has the next port.
#   kafka.sh down FOLDER                ends it in an orderly way
#   kafka.sh kill FOLDER                ends it with SIGKILL
#   kafka.sh pause FOLDER | resume FOLDER   SIGSTOP, SIGCONT
#   kafka.sh status FOLDER              up, starting, paused or down, with its pid; 3 when it is down
#
# By environment, for `up`:
#   KAFKA_NODE=2 KAFKA_VOTERS=1@127.0.0.1:19093,2@127.0.0.1:19103,3@127.0.0.1:19113   one of several brokers
#   KAFKA_WAIT=no             returns at once: several brokers are ready together or not at all
#   KAFKA_OWNER=PID           when that process is gone, so are the broker and its folder
#   KAFKA_ADVERTISED=HOST:PORT   what clients are told, if not where it listens
#   KAFKA_HEAP=256m           and KAFKA_PROPERTIES for more lines of server.properties
set -euo pipefail

self=$(realpath "${BASH_SOURCE[0]}")
pom=$(dirname "$self")/pom.xml
version=$(sed -n 's:.*<kafka.version>\(.*\)</kafka.version>.*:\1:p' "$pom")
cache=${XDG_CACHE_HOME:-$HOME/.cache}/online-mart
jars=$cache/kafka-$version

die() {
  printf 'kafka.sh: %s\n' "$*" >&2
  exit 1
}

need_java() {
  local major
  major=$(java -version 2>&1 | sed -n '1s/.* version "\([0-9]*\).*/\1/p') || true
  [ "${major:-0}" -ge 17 ] || die "Kafka $version needs Java 17 or newer"
}

# Whoever comes first fetches; the folder has its name only when all is in it.
fetch() {
  [ ! -d "$jars" ] || return 0
  command -v mvn >/dev/null || die "the jars of Kafka $version are fetched with Maven, and there is no mvn"
  mkdir -p "$cache"
  (
    flock 9
    [ ! -d "$jars" ] || exit 0
    rm -rf "$jars.new"
    mvn --quiet --batch-mode --strict-checksums --file "$pom" \
      dependency:copy-dependencies -DincludeScope=runtime -DoutputDirectory="$jars.new" 9>&-
    mv "$jars.new" "$jars"
  ) 9>"$jars.lock"
}

# The broker's pid, when it runs.
pid() {
  local pid
  pid=$(cat "$folder/pid" 2>/dev/null) || return 1
  { tr '\0' '\n' <"/proc/$pid/cmdline" | grep -qxF "$folder/server.properties"; } 2>/dev/null || return 1
  printf '%s' "$pid"
}

state() {
  local pid
  pid=$(pid) || { echo down && return; }
  if grep -q '^State:[[:space:]]*T' "/proc/$pid/status"; then
    echo paused
  elif grep -qs 'Kafka Server started' "$folder/broker.log"; then
    echo up
  else
    echo starting
  fi
}

configure() {
  local address=${listen%:*} port=${listen##*:} node=${KAFKA_NODE:-1} voters copies least
  voters=${KAFKA_VOTERS:-$node@$address:$((port + 1))}
  copies=$(tr ',' '\n' <<<"$voters" | wc -l)
  least=$((copies > 2 ? 2 : 1))
  cat >"$folder/server.properties" <<PROPERTIES
process.roles=broker,controller
node.id=$node
controller.quorum.voters=$voters
listeners=CLIENTS://$address:$port,CONTROLLERS://$address:$((port + 1))
advertised.listeners=CLIENTS://${KAFKA_ADVERTISED:-$address:$port}
inter.broker.listener.name=CLIENTS
controller.listener.names=CONTROLLERS
listener.security.protocol.map=CLIENTS:PLAINTEXT,CONTROLLERS:PLAINTEXT
log.dirs=$folder/data
auto.create.topics.enable=false
num.partitions=3
default.replication.factor=$copies
min.insync.replicas=$least
# Topics of its own: no more of them than a test needs, since each costs files and memory.
offsets.topic.num.partitions=4
offsets.topic.replication.factor=$copies
transaction.state.log.num.partitions=2
transaction.state.log.replication.factor=$copies
transaction.state.log.min.isr=$least
share.coordinator.state.topic.num.partitions=2
share.coordinator.state.topic.replication.factor=$copies
share.coordinator.state.topic.min.isr=$least
log.segment.bytes=16777216
log.cleaner.dedupe.buffer.size=4194304
# A broker that was killed is back, and a member that was killed is forgotten, within seconds.
broker.session.timeout.ms=2000
broker.heartbeat.interval.ms=300
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=3000
group.consumer.min.session.timeout.ms=3000
group.consumer.session.timeout.ms=6000
group.consumer.min.heartbeat.interval.ms=500
group.consumer.heartbeat.interval.ms=1000
num.network.threads=2
num.io.threads=4
num.replica.fetchers=1
${KAFKA_PROPERTIES:-}
PROPERTIES
}

run_java() {
  exec java -Xshare:auto -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -Djava.net.preferIPv4Stack=true \
    -Dorg.slf4j.simpleLogger.defaultLogLevel=warn -Dorg.slf4j.simpleLogger.log.kafka.server.KafkaRaftServer=info \
    -Dorg.slf4j.simpleLogger.showDateTime=true -Dorg.slf4j.simpleLogger.dateTimeFormat=HH:mm:ss.SSS -cp "$jars/*" "$@"
}

start() {
  local heap=${KAFKA_HEAP:-256m}
  need_java
  fetch
  mkdir -p "$folder"
  configure
  if [ ! -f "$folder/data/meta.properties" ]; then
    (run_java kafka.tools.StorageTool format --cluster-id b25saW5lLW1hcnQtdGVzdA --config "$folder/server.properties") \
      >"$folder/format.log" 2>&1 || { cat "$folder/format.log" >&2 && die "the broker's folder can't be formatted"; }
  fi
  : >"$folder/broker.log"
  # A session of its own: Ctrl-C is for the tests, which end their brokers themselves.
  (
    export -f run_java
    jars=$jars setsid bash -c 'echo $$ >"$0/pid"; run_java "$@"' "$folder" \
      "-Xms$heap" "-Xmx$heap" kafka.Kafka "$folder/server.properties" </dev/null >>"$folder/broker.log" 2>&1 &
  )
  while ! pid >/dev/null; do sleep 0.01; done
  if [ -n "${KAFKA_OWNER:-}" ] && [ ! -f "$folder/watched" ]; then
    : >"$folder/watched"
    setsid bash "$self" watch "$folder" "$KAFKA_OWNER" </dev/null >/dev/null 2>&1 &
  fi
}

answers() {
  [ "$(state)" = up ] && (exec 3<>"/dev/tcp/${listen%:*}/${listen##*:}") 2>/dev/null
}

wait_until_it_answers() {
  local end=$((SECONDS + 60))
  until answers; do
    [ "$(state)" != down ] || { tail -n 30 "$folder/broker.log" >&2 && die "the broker ended"; }
    [ "$SECONDS" -lt "$end" ] || die "the broker does not answer after a minute"
    sleep 0.05
  done
}

# SIGTERM or SIGKILL. The last broker of several can't end in an orderly way: it looks for a quorum that is gone.
end_by() {
  local pid end=$((SECONDS + 20))
  pid=$(pid) || return 0
  kill "-$1" "$pid"
  while pid >/dev/null; do
    [ "$SECONDS" -lt "$end" ] || kill -KILL "$pid" 2>/dev/null || true
    sleep 0.02
  done
}

signal() {
  local pid
  pid=$(pid) || die "no broker runs on $folder"
  kill "-$1" "$pid"
}

command=${1:-help}
folder=$(realpath -m "${2:-.}")
case $command:$# in
fetch:1)
  need_java
  fetch
  ;;
up:3)
  listen=$3
  pid >/dev/null || start
  [ "${KAFKA_WAIT:-yes}" = no ] || wait_until_it_answers
  ;;
down:2) end_by TERM ;;
kill:2) end_by KILL ;;
pause:2) signal STOP ;;
resume:2) signal CONT ;;
status:2)
  printf '%s %s\n' "$(state)" "$(pid)"
  pid >/dev/null || exit 3
  ;;
watch:3) # by `up`, for KAFKA_OWNER
  while [ -d "$folder" ] && [ -d "/proc/$3" ]; do sleep 0.5; done
  end_by KILL
  rm -rf "$folder"
  ;;
*)
  sed -n '2,/^set /{/^#/s/^# \{0,1\}//p}' "$self"
  exit 2
  ;;
esac
