#!/usr/bin/env bash
# Slurm for the tests, from Debian's packages; nothing is started by installing it.
set -euo pipefail
packages=(slurmctld slurmd slurm-client munge)
dpkg -s "${packages[@]}" > /dev/null 2>&1 && exit 0
if [[ ! -e /usr/sbin/policy-rc.d ]]; then
  printf '#!/bin/sh\nexit 101\n' > /usr/sbin/policy-rc.d
  chmod 755 /usr/sbin/policy-rc.d
  trap 'rm -f /usr/sbin/policy-rc.d' EXIT
fi
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
apt-get install -y -qq --no-install-recommends "${packages[@]}" > /dev/null
