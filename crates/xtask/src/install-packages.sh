# Installs the packages named as arguments, as root. Debian starts the daemons of a package when it installs it, and at
# every start of the machine: prosody and ejabberd would then be open to the network. Here they are only programs.
set -eu

policy=/usr/sbin/policy-rc.d
kept="$policy.kept-by-homeward"
mark='# Written by Homeward while packages are installed.'

restore() {
    if grep -qsF "$mark" "$policy"; then rm -f "$policy"; fi
    if [ -e "$kept" ]; then mv -f "$kept" "$policy"; fi
}
# Also what an earlier run that was killed left behind.
restore
trap restore EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

if [ -e "$policy" ]; then mv "$policy" "$kept"; fi
# 101: "action forbidden by policy", see invoke-rc.d(8).
printf '#!/bin/sh\n%s\nexit 101\n' "$mark" > "$policy"
chmod 755 "$policy"

export DEBIAN_FRONTEND=noninteractive
install() {
    apt-get install -y --no-install-recommends "$@" < /dev/null
}
is_installed() {
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2> /dev/null)" = installed ]
}
new_daemons=
for package in prosody ejabberd epmd; do
    # Erlang brings epmd, which ejabberd would use.
    case "$package" in epmd) carrier=erlang-base ;; *) carrier=$package ;; esac
    is_installed "$carrier" || new_daemons="$new_daemons $package"
done

# The lists may be missing or old: fetch them only then.
install "$@" || { apt-get update < /dev/null && install "$@"; }

# Whoever had them before wants them to run; we do not.
for daemon in $new_daemons; do
    for unit in "$daemon.service" "$daemon.socket"; do
        if [ -e "/lib/systemd/system/$unit" ] && command -v systemctl > /dev/null; then systemctl disable "$unit"; fi
    done
    if [ -e "/etc/init.d/$daemon" ]; then update-rc.d "$daemon" disable; fi
done
