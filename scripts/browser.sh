#!/bin/sh
# Gets what the browser tests need: Debian's chromium, and axe-core by npm. Says nothing where both are there already.
# What cannot be had is named and is no failure here: the tests that need it skip with the reason (in CI they fail).
set -u
cd "$(dirname "$0")/../tests/acceptance/browser" || exit 1

say() { printf 'browser: %s\n' "$1" >&2; }

have_chromium() {
    command -v chromium >/dev/null || command -v chromium-browser >/dev/null || command -v google-chrome >/dev/null
}

# What npm has put down is what package-lock.json names.
have_axe() {
    [ -f node_modules/axe-core/axe.min.js ] &&
        grep -qF "$(grep '"integrity"' package-lock.json)" node_modules/.package-lock.json
}

install() {
    [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null || return 1
    say "installing $*"
    # RUNLEVEL=1: the packages must not start services.
    { apt-get update -qq && DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 apt-get install -y -qq --no-install-recommends "$@"; } \
        >/dev/null 2>&1
}

# Without a font there is no text to look at, and chromium only recommends one.
have_chromium || install chromium fonts-liberation
have_chromium || say "there is no chromium, and it cannot be installed from here: apt-get install chromium"

have_axe && exit 0
command -v npm >/dev/null || install npm
if ! command -v npm >/dev/null; then
    say "there is no npm, and it cannot be installed from here: apt-get install npm"
elif ! said=$(npm ci --loglevel=error 2>&1); then
    say "npm could not fetch axe-core: $said"
fi
exit 0
