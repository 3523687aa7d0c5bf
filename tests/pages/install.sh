#!/usr/bin/env bash
# A browser for the tests of pages, from Debian's packages; no browser is downloaded by a test tool.
set -euo pipefail
[[ -x /usr/bin/chromium ]] && exit 0
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
apt-get install -y -qq --no-install-recommends chromium > /dev/null
