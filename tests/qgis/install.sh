#!/usr/bin/env bash
# QGIS for the tests, from Debian: its Python and its data providers, without the desktop program.
set -euo pipefail
/usr/bin/python3 -c "import qgis.core" 2> /dev/null && exit 0
as_root=$([[ $EUID == 0 ]] || echo sudo)
$as_root apt-get update -qq
$as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends python3-qgis > /dev/null
