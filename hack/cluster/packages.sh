#!/usr/bin/env bash
# Installs the Debian packages that the local cluster needs, if a command of theirs is missing. Starts no daemon.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

needed=(containerd=containerd runc=runc buildah=buildah skopeo=skopeo iptables=iptables conntrack=conntrack socat=socat ip=iproute2
  openssl=openssl /bin/busybox=busybox-static mmdebstrap=mmdebstrap /usr/lib/cni/bridge=containernetworking-plugins
  curl=curl git=git make=make python3=python3 python3-venv=python3-venv shellcheck=shellcheck)
missing=()
for entry in "${needed[@]}"; do
  case ${entry%%=*} in
    python3-venv) python3 -c 'import ensurepip' 2> /dev/null || missing+=(python3-venv) ;;
    *) command -v "${entry%%=*}" > /dev/null || missing+=("${entry#*=}") ;;
  esac
done
[ ${#missing[@]} -gt 0 ] || exit 0

exclusively packages
say "installing the Debian packages ${missing[*]} (about a minute)"
[ "$(id -u)" = 0 ] || die "The Debian packages ${missing[*]} are missing, and only root can install them: run this as root."
# 101 tells the maintainer scripts to start nothing: Debian starts etcd and containerd at installation otherwise.
if [ ! -e /usr/sbin/policy-rc.d ]; then
  printf '#!/bin/sh\nexit 101\n' > /usr/sbin/policy-rc.d
  chmod 755 /usr/sbin/policy-rc.d
  trap 'rm -f /usr/sbin/policy-rc.d' EXIT
fi
for attempt in 1 2 3; do # another apt on the machine can delete the downloaded archives under this one
  apt-get -o DPkg::Lock::Timeout=300 update -qq && dpkg --configure -a &&
    apt-get -o DPkg::Lock::Timeout=300 install -y -qq --no-install-recommends "${missing[@]}" > "$CACHE/lock/packages.log" 2>&1 && exit 0
  say "apt-get failed (attempt $attempt of 3), its output is in $CACHE/lock/packages.log"
  sleep 5
done
die "The Debian packages ${missing[*]} could not be installed: see $CACHE/lock/packages.log."
