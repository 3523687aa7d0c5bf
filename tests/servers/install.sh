#!/usr/bin/env bash
# The servers that tests talk to: nginx, and PostgreSQL with PostGIS, from Debian, and in an environment of their own the
# STAC API, an S3 server, a token server and a proxy.
set -euo pipefail
cd "$(dirname "$0")/../.."

if [[ ! -e /usr/share/postgresql/15/extension/postgis.control ]]; then
  as_root=$([[ $EUID == 0 ]] || echo sudo)
  $as_root apt-get update -qq
  $as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends postgresql-15 postgresql-15-postgis-3 > /dev/null
fi

if [[ ! -x /usr/sbin/nginx ]]; then
  as_root=$([[ $EUID == 0 ]] || echo sudo)
  $as_root apt-get update -qq
  $as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends nginx-light > /dev/null
fi

if [[ ! .venv-servers/ready -nt envs/servers.lock ]]; then
  "${PYTHON:-python3}" -m venv .venv-servers
  .venv-servers/bin/python -m pip install --quiet --require-hashes -r envs/servers.lock
  touch .venv-servers/ready
fi
