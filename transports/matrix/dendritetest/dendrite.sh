#!/usr/bin/env bash
# A real Matrix homeserver (Dendrite, SQLite) on 127.0.0.1, for tests.
#
#   dendrite.sh install       WORKDIR
#   dendrite.sh start         WORKDIR [PORT]        PORT 0 or absent: a free random port
#   dendrite.sh register-user WORKDIR USER PASSWORD [--admin]
#   dendrite.sh login         WORKDIR USER PASSWORD [DEVICE_ID]
#   dendrite.sh env|status|stop|restart|clean WORKDIR
#
# Application services are the files WORKDIR/appservices/*.yaml, read at each start.
#
# start is idempotent: it installs if needed, keeps keys, tokens, database and
# port of an earlier start in the same WORKDIR, and returns once the client API
# answers. It prints KEY=VALUE lines, which are also left in WORKDIR/dendrite.env.
# register-user and login print one JSON object (user_id, access_token, device_id).
# stop ends only the process whose id is in WORKDIR/dendrite.pid.
#
# Environment, all optional:
#   DENDRITE_VERSION      module version (default below; checked by the Go checksum db)
#   GOBIN, DENDRITE_BIN   where the binaries go or already are (default WORKDIR/bin)
#   DENDRITE_CGO=1        build with cgo and mattn/go-sqlite3 (needs gcc); default 0, pure Go
#   DENDRITE_SERVER_NAME  server name in user ids (default hs.test)
#   DENDRITE_SHARED_SECRET        fixed instead of random
#   TURN_URIS, TURN_SECRET        space separated URIs and coturn shared secret
#   DENDRITE_RATE_LIMIT=1 turn client rate limits on (default off)
#   DENDRITE_LOG          log level (default warn)
set -euo pipefail

DENDRITE_MODULE=github.com/element-hq/dendrite
DENDRITE_VERSION=${DENDRITE_VERSION:-v0.15.2}
# Newer than Dendrite's own: with v1.34.5 a request that the client gives up while
# it writes (the first /sync of a device does) can leave its transaction open, and
# every later login fails: "cannot start a transaction within a transaction".
SQLITE_VERSION=v1.60.0
HOST=127.0.0.1

die() { echo "dendrite.sh: $*" >&2; exit 1; }
usage() { sed -n '2,/^set -euo/p' "$0" | sed -e '$d' -e 's/^# \{0,1\}//' >&2; exit 2; }
need() { command -v "$1" >/dev/null 2>&1 || die "$1 is needed"; }
rand() { od -An -N"${1:-16}" -tx1 /dev/urandom | tr -d ' \n'; }

[ $# -ge 2 ] || usage
CMD=$1; mkdir -p "$2"; DIR=$(cd "$2" && pwd); shift 2
BIN=${DENDRITE_BIN:-${GOBIN:-$DIR/bin}}
PIDFILE=$DIR/dendrite.pid
ENVFILE=$DIR/dendrite.env

# A value kept in WORKDIR across starts: keep NAME VALUE_IF_NEW
keep() {
  local f=$DIR/.$1
  if [ -n "${2:-}" ]; then printf '%s' "$2" >"$f"; elif [ ! -s "$f" ]; then rand 24 >"$f"; fi
  cat "$f"
}

alive() {
  local pid
  [ -s "$PIDFILE" ] || return 1
  pid=$(cat "$PIDFILE")
  kill -0 "$pid" 2>/dev/null || return 1
  # the id may have been reused since: look at the program name where the system tells
  if [ -r "/proc/$pid/cmdline" ]; then
    tr '\0' ' ' <"/proc/$pid/cmdline" 2>/dev/null | grep -q -- "$DIR/dendrite.yaml" || return 1
  fi
}

port_busy() { (exec 3<>"/dev/tcp/$HOST/$1") 2>/dev/null; }

free_port() {
  local p i
  for i in $(seq 1 50); do
    p=$((20000 + (RANDOM * 32768 + RANDOM) % 12000))   # below the usual ephemeral range
    port_busy "$p" || { echo "$p"; return; }
  done
  die "found no free port"
}

do_install() {
  local stamp want tmp
  stamp=$BIN/.dendrite.stamp; want="$DENDRITE_VERSION sqlite=$SQLITE_VERSION cgo=${DENDRITE_CGO:-0}"
  if [ -x "$BIN/dendrite" ] && [ -x "$BIN/generate-keys" ] && [ "$(cat "$stamp" 2>/dev/null)" = "$want" ]; then return; fi
  need go
  mkdir -p "$BIN"
  # one build at a time for one BIN
  if command -v flock >/dev/null 2>&1 && [ -z "${DENDRITE_LOCKED:-}" ]; then
    DENDRITE_LOCKED=1 flock "$BIN/.dendrite.lock" bash "$0" install "$DIR" >&2
    return
  fi
  # Not `go install pkg@version`: that asks the proxy for the package's own path as
  # if it were a module, and a proxy that answers 403 to that ends the build. A
  # module that requires Dendrite asks for Dendrite alone.
  tmp=$(mktemp -d "$DIR/build.XXXXXX")
  ( cd "$tmp"
    printf 'module dendritetool\n\ngo 1.24\n\nrequire %s %s\nrequire modernc.org/sqlite %s\n' \
      "$DENDRITE_MODULE" "$DENDRITE_VERSION" "$SQLITE_VERSION" >go.mod
    GOBIN='' GOWORK=off GOTOOLCHAIN=local GOFLAGS=-buildvcs=false CGO_ENABLED=${DENDRITE_CGO:-0} \
      go build -mod=mod -trimpath -ldflags='-s -w' -o "$tmp/out/" \
      "$DENDRITE_MODULE/cmd/dendrite" "$DENDRITE_MODULE/cmd/generate-keys"
  ) >&2 || { rm -rf "$tmp"; die "the build failed"; }
  mv -f "$tmp/out/dendrite" "$tmp/out/generate-keys" "$BIN/"
  printf '%s' "$want" >"$stamp"
  rm -rf "$tmp"
}

yaml_list() { local x; for x in "$@"; do printf '\n    - "%s"' "$x"; done; }

write_config() {
  local sn secret files=() rl=false turn=
  sn=$(keep server_name "${DENDRITE_SERVER_NAME:-}"); secret=$(keep shared_secret "${DENDRITE_SHARED_SECRET:-}")
  local f; for f in "$DIR"/appservices/*.yaml; do [ ! -r "$f" ] || files+=("$f"); done
  [ "${DENDRITE_RATE_LIMIT:-0}" = 1 ] && rl=true
  if [ -n "${TURN_URIS:-}" ]; then
    # shellcheck disable=SC2086
    turn="
  turn:
    turn_user_lifetime: 5m
    turn_shared_secret: \"${TURN_SECRET:-}\"
    turn_uris:$(yaml_list $TURN_URIS | sed 's/^    /      /')"
  fi
  [ -s "$DIR/matrix_key.pem" ] || "$BIN/generate-keys" --private-key "$DIR/matrix_key.pem" >/dev/null
  cat >"$DIR/dendrite.yaml" <<YAML
version: 2
global:
  server_name: "$sn"
  private_key: "$DIR/matrix_key.pem"
  disable_federation: true
  trusted_third_party_id_servers: []
  cache: {max_size_estimated: 64mb, max_age: 1h}
  jetstream: {storage_path: "$DIR/jetstream", topic_prefix: Dendrite}
  presence: {enable_inbound: false, enable_outbound: false}
  report_stats: {enabled: false}
  metrics: {enabled: false}
app_service_api:
  config_files:$( ((${#files[@]})) && yaml_list "${files[@]}" || printf ' []')
client_api:
  registration_disabled: true
  registration_shared_secret: "$secret"
  rate_limiting: {enabled: $rl, threshold: 20, cooloff_ms: 500}$turn
federation_api:
  database: {connection_string: "file:$DIR/db/federationapi.db"}
  key_perspectives: []
key_server:
  database: {connection_string: "file:$DIR/db/keyserver.db"}
media_api:
  database: {connection_string: "file:$DIR/db/mediaapi.db"}
  base_path: "$DIR/media"
mscs:
  database: {connection_string: "file:$DIR/db/mscs.db"}
relay_api:
  database: {connection_string: "file:$DIR/db/relayapi.db"}
room_server:
  database: {connection_string: "file:$DIR/db/roomserver.db"}
sync_api:
  database: {connection_string: "file:$DIR/db/syncapi.db"}
  search: {enabled: false, index_path: "$DIR/searchindex"}
user_api:
  account_database: {connection_string: "file:$DIR/db/userapi.db"}
  bcrypt_cost: 4
logging:
  - {type: std, level: ${DENDRITE_LOG:-warn}}
YAML
}

do_env() {
  [ -s "$ENVFILE" ] || die "not started in $DIR yet"
  cat "$ENVFILE"
}

write_env() {   # PORT
  {
    echo "DENDRITE_URL=http://$HOST:$1"
    echo "DENDRITE_PORT=$1"
    echo "DENDRITE_PID=$(cat "$PIDFILE")"
    echo "DENDRITE_SERVER_NAME=$(keep server_name)"
    echo "DENDRITE_SHARED_SECRET=$(keep shared_secret)"
    echo "DENDRITE_LOGFILE=$DIR/dendrite.log"
  } >"$ENVFILE"
}

do_start() {
  local port=${1:-0} try i
  need curl
  [ -s "$DIR/.server_name" ] || printf '%s' "${DENDRITE_SERVER_NAME:-hs.test}" >"$DIR/.server_name"
  # one start at a time for one WORKDIR, and for one BIN, so that no two servers
  # pick the same port (descriptors 8 and 9 are closed in the server)
  if command -v flock >/dev/null 2>&1; then exec 9>"$DIR/.start.lock"; flock 9; fi
  if alive; then do_env; return; fi
  do_install
  if command -v flock >/dev/null 2>&1; then exec 8>"$BIN/.start.lock"; flock 8; fi
  [ "$port" != 0 ] || port=$(cat "$DIR/.port" 2>/dev/null || echo 0)
  mkdir -p "$DIR/db" "$DIR/media" "$DIR/jetstream"
  write_config
  for try in 1 2 3 4; do
    if [ "$port" = 0 ] || { port_busy "$port" && [ "$try" -gt 1 ]; }; then port=$(free_port); fi
    port_busy "$port" && die "port $port is in use"
    ( cd "$DIR"; exec nohup "$BIN/dendrite" --config "$DIR/dendrite.yaml" \
        --http-bind-address "$HOST:$port" ) >"$DIR/dendrite.log" 2>&1 </dev/null 8>&- 9>&- &
    echo $! >"$PIDFILE"
    for i in $(seq 1 300); do
      if curl -fsS --noproxy '*' -o /dev/null --max-time 2 "http://$HOST:$port/_matrix/client/versions" 2>/dev/null && alive; then
        printf '%s' "$port" >"$DIR/.port"; write_env "$port"; do_env; return
      fi
      kill -0 "$(cat "$PIDFILE")" 2>/dev/null || break
      sleep 0.1
    done
    if grep -q 'address already in use' "$DIR/dendrite.log"; then port=0; continue; fi
    tail -n 20 "$DIR/dendrite.log" >&2; do_stop; die "dendrite did not come up; log: $DIR/dendrite.log"
  done
  die "no port could be bound"
}

do_stop() {
  local pid i
  if alive; then
    pid=$(cat "$PIDFILE"); kill -TERM "$pid" 2>/dev/null || true
    for i in $(seq 1 100); do kill -0 "$pid" 2>/dev/null || break; sleep 0.1; done
    if kill -0 "$pid" 2>/dev/null; then kill -KILL "$pid" 2>/dev/null || true; fi
  fi
  rm -f "$PIDFILE"
}

url() { alive || die "not running in $DIR"; sed -n 's/^DENDRITE_URL=//p' "$ENVFILE"; }

json_str() { printf '%s' "$1" | sed -e 's/\\/\\\\/g' -e 's/"/\\"/g'; }

do_login() {
  local u body; [ $# -ge 2 ] || usage; u=$(url)
  body=$(printf '{"type":"m.login.password","identifier":{"type":"m.id.user","user":"%s"},"password":"%s"%s}' \
    "$(json_str "$1")" "$(json_str "$2")" "${3:+,\"device_id\":\"$(json_str "$3")\"}")
  curl -sS --noproxy '*' --fail-with-body -X POST -H 'Content-Type: application/json' -d "$body" "$u/_matrix/client/v3/login"; echo
}

do_register() {
  local u nonce mac admin=notadmin flag=false out code; [ $# -ge 2 ] || usage
  need openssl; u=$(url)
  [ "${3:-}" = --admin ] && { admin=admin; flag=true; }
  nonce=$(curl -fsS --noproxy '*' "$u/_synapse/admin/v1/register" | sed -n 's/.*"nonce":"\([^"]*\)".*/\1/p')
  [ -n "$nonce" ] || die "no nonce from the server"
  mac=$(printf '%s\0%s\0%s\0%s' "$nonce" "$1" "$2" "$admin" \
    | openssl dgst -sha1 -hmac "$(keep shared_secret)" | sed 's/^.*= *//')
  out=$(curl -sS --noproxy '*' -w '\n%{http_code}' -X POST -H 'Content-Type: application/json' \
    -d "$(printf '{"nonce":"%s","username":"%s","password":"%s","admin":%s,"mac":"%s"}' \
      "$nonce" "$(json_str "$1")" "$(json_str "$2")" "$flag" "$mac")" "$u/_synapse/admin/v1/register")
  code=${out##*$'\n'}; out=${out%$'\n'*}
  case $code in
    200) echo "$out" ;;
    400) case $out in *M_USER_IN_USE*) do_login "$1" "$2" ;; *) die "register: $out" ;; esac ;;
    *) die "register: HTTP $code $out" ;;
  esac
}

case $CMD in
  install) do_install ;;
  start) do_start "$@" ;;
  stop) do_stop ;;
  restart) do_stop; do_start "$@" ;;
  status) if alive; then echo "running pid $(cat "$PIDFILE") $(url)"; else echo stopped; exit 3; fi ;;
  env) do_env ;;
  register-user) do_register "$@" ;;
  login) do_login "$@" ;;
  clean) do_stop; rm -rf "${DIR:?}/db" "${DIR:?}/jetstream" "${DIR:?}/media" "${DIR:?}/searchindex" ;;
  *) usage ;;
esac
