#!/bin/sh
# Start PostgreSQL, creating its data on the first start. It reads the same variables as the official image, so that
# either may run in its place: PGDATA, POSTGRES_USER, POSTGRES_DB, POSTGRES_PASSWORD_FILE. Arguments go to `postgres`.
set -eu
: "${PGDATA:?set PGDATA to a folder on a volume}"
: "${POSTGRES_PASSWORD_FILE:?set POSTGRES_PASSWORD_FILE to a file with the password of the first user}"
user=${POSTGRES_USER:-postgres}
database=${POSTGRES_DB:-$user}

if [ ! -s "$PGDATA/PG_VERSION" ]; then
  # Made beside its place and moved there whole: a start that was interrupted begins anew.
  partial="$PGDATA.partial"
  rm -rf "$partial"
  # The C.UTF-8 that PostgreSQL brings itself sorts the same under every version of the C library.
  initdb --pgdata="$partial" --username="$user" --pwfile="$POSTGRES_PASSWORD_FILE" --encoding=UTF8 \
    --locale-provider=builtin --builtin-locale=C.UTF-8 --locale=C.UTF-8 \
    --auth-local=trust --auth-host=scram-sha-256 --data-checksums
  echo 'host all all all scram-sha-256' >> "$partial/pg_hba.conf"
  if [ "$database" != postgres ]; then
    echo "CREATE DATABASE \"$database\";" | postgres --single -D "$partial" postgres > /dev/null
  fi
  mv "$partial" "$PGDATA"
fi

exec postgres -D "$PGDATA" -c listen_addresses='*' -c unix_socket_directories=/var/run/postgresql "$@"
