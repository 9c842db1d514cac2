#!/usr/bin/env bash
# Installs what the end-to-end tests need and the machine lacks: Debian packages, Python environments, npm packages, Java classes.
# Repeatable: a part whose pinned inputs have not changed is left alone.
set -euo pipefail
cd "$(dirname "$0")"
cache=$PWD/.cache
ice_jar=/usr/share/java/ice-3.7.8.jar
mkdir -p "$cache"

say() { printf 'e2e/install: %s\n' "$*"; }

# Runs "$@" unless the stamp of part $1 equals the checksum of its inputs $2 (files, as one word list).
part() {
  local name=$1 inputs=$2 stamp sum
  shift 2
  stamp=$cache/$name.stamp
  # shellcheck disable=SC2086
  sum=$(cat $inputs | sha256sum)
  if [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$sum" ]; then
    say "$name: there already"
    return
  fi
  say "$name ..."
  rm -f "$stamp"
  "$@"
  printf '%s\n' "$sum" >"$stamp"
}

as_root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi; }

# Debian packages, only for commands that are missing.
system() {
  local wanted=()
  command -v java >/dev/null && command -v javac >/dev/null || wanted+=(default-jdk-headless)
  command -v mvn >/dev/null || wanted+=(maven)
  # The store's tests let a disk sync fail.
  command -v strace >/dev/null || wanted+=(strace)
  # Keys for tests are made by it.
  command -v openssl >/dev/null || wanted+=(openssl)
  command -v nginx >/dev/null || wanted+=(nginx-light)
  command -v caddy >/dev/null || wanted+=(caddy)
  command -v systemd-analyze >/dev/null || wanted+=(systemd)
  command -v node >/dev/null || wanted+=(nodejs)
  command -v npm >/dev/null || wanted+=(npm)
  # The pages' tests.
  command -v chromium >/dev/null || wanted+=(chromium)
  command -v python3 >/dev/null || wanted+=(python3)
  # The Ice peers are system packages, so Python's runs under the system's Python.
  /usr/bin/python3 -c 'import Ice' 2>/dev/null || wanted+=(python3-zeroc-ice zeroc-ice-slice)
  command -v slice2java >/dev/null || wanted+=(zeroc-ice-compilers)
  [ -f "$ice_jar" ] || wanted+=(libzeroc-ice3.7-java)
  if [ -n "${TIDINGS_SOAK:-}" ]; then
    command -v slice2cpp >/dev/null && [ -f /usr/include/Ice/Ice.h ] || wanted+=(zeroc-ice-compilers libzeroc-ice-dev g++)
    command -v php >/dev/null && [ -f /usr/share/php/Ice.php ] || wanted+=(php-cli php-zeroc-ice)
    [ -f /usr/include/nlohmann/json.hpp ] || wanted+=(nlohmann-json3-dev)
  fi
  command -v openssl >/dev/null || wanted+=(openssl)
  python3 -c 'import ensurepip, venv' 2>/dev/null || wanted+=(python3-venv)
  if [ ${#wanted[@]} = 0 ]; then
    say "system packages: there already"
    return
  fi
  say "system packages: ${wanted[*]} ..."
  as_root apt-get update -qq
  DEBIAN_FRONTEND=noninteractive as_root apt-get install -y -qq --no-install-recommends "${wanted[@]}" >/dev/null
}

environment() {
  rm -rf "${cache:?}/$1"
  python3 -m venv "$cache/$1"
  "$cache/$1/bin/python" -m pip install --quiet --disable-pip-version-check --no-input -r "$2"
}

node_clients() { (cd node && npm ci --no-audit --no-fund --loglevel=error); }

java_clients() { (cd java && rm -rf "$cache/java" && mvn -B -q -ntp compile); }

# What Ice's compilers make of the contract stays in the cache: it is theirs, not ours.
ice_folder() { rm -rf "$cache/ice/$1" && mkdir -p "$cache/ice/$1"; }

slices="../idl/Push.ice ice/peers/Probe.ice"

ice_node() {
  ice_folder node
  # Its package has no command that a shell can run.
  local machine=x64
  [ "$(uname -m)" = aarch64 ] && machine=arm64
  # shellcheck disable=SC2086
  "node/node_modules/slice2js/bin/linux-$machine/slice2js" --output-dir "$cache/ice/node" $slices
}

ice_java() {
  ice_folder java
  mkdir "$cache/ice/java/made" "$cache/ice/java/classes"
  # shellcheck disable=SC2086
  slice2java --output-dir "$cache/ice/java/made" $slices
  find "$cache/ice/java/made" -name '*.java' -print0 |
    xargs -0 javac -nowarn -d "$cache/ice/java/classes" -cp "$ice_jar:$(echo "$cache"/java/client-2.1.2/lib/json-*.jar)" $java_peers
}

ice_cpp() {
  ice_folder cpp
  # shellcheck disable=SC2086
  slice2cpp --output-dir "$cache/ice/cpp" $slices
  g++ -std=c++17 -O0 -DICE_CPP11_MAPPING -I "$cache/ice/cpp" -o "$cache/ice/cpp/peer" ice/peers/peer.cpp "$cache"/ice/cpp/*.cpp -lIce++11 -lpthread
}

ice_php() {
  ice_folder php
  # shellcheck disable=SC2086
  slice2php --output-dir "$cache/ice/php" $slices
}

system
part harness requirements.txt environment harness requirements.txt
part contract contract/requirements.txt environment contract contract/requirements.txt
part python-4 python/requirements-4.txt environment python-4 python/requirements-4.txt
part python-5 python/requirements-5.txt environment python-5 python/requirements-5.txt
part node "node/package.json node/package-lock.json" node_clients
part java "java/pom.xml $(find java -mindepth 2 -name pom.xml | sort | tr '\n' ' ')$(find java/src -name '*.java' | sort | tr '\n' ' ')" java_clients
java_peers="ice/peers/Peer.java ../examples/ice/Send.java ../examples/ice/java/Listener.java"
part ice-node "$slices node/package-lock.json" ice_node
part ice-java "$slices java/pom.xml $java_peers" ice_java
if [ -n "${TIDINGS_SOAK:-}" ]; then
  part ice-cpp "$slices ice/peers/peer.cpp" ice_cpp
  part ice-php "$slices" ice_php
fi
say "ready"
