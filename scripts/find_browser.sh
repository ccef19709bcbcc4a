#!/bin/sh
# Sees to it that Chromium and its driver are on PATH, for the tests that look at pages; installs them with apt-get where that is possible.
set -eu

missing() {
    for name in chromium chromedriver; do
        command -v $name >/dev/null || return 0
    done
    return 1
}

missing || exit 0
if command -v apt-get >/dev/null && [ "$(id -u)" = 0 ]; then
    echo "installing chromium and chromium-driver with apt-get"
    begun=$(date +%s)
    said=$({ apt-get update -q && LC_ALL=C apt-get install -q -y --no-install-recommends chromium chromium-driver; } 2>/dev/null) || true
    count=$(echo "$said" | sed -n 's/.* \([0-9]*\) newly installed.*/\1/p')
    size=$(echo "$said" | sed -n 's/^Need to get \([0-9.,]* [kMG]*B\).*/\1/p')
    echo "chromium: $count packages, $size in $(($(date +%s) - begun)) s"
fi
missing || exit 0
echo "The tests of Airflow's pages need chromium and chromedriver on PATH: install them (Debian and Ubuntu: apt-get install chromium chromium-driver)." >&2
exit 78
