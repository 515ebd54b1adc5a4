#!/bin/sh
# Makes FOLDER, a small Debian of its own (2 GB) with Blender, an X server that needs no screen, and Mesa's software
# renderer. What is there already stays, so it may be run again at any time; one that was interrupted is begun anew.
#
#     sh make_folder.sh data/window/sid [sid]        # the suite; another mirror: MIRROR=http://...
set -eu
FOLDER=$1
SUITE=${2:-sid}
MIRROR=${MIRROR:-http://deb.debian.org/debian}
# Blender only recommends what its own extension command (requests, cattr, zstandard) and glTF (numpy) need; libopengl0
# is for the server, whose remesher wants it.
PACKAGES="blender python3-numpy python3-requests python3-cattr python3-zstandard
    xvfb libgl1-mesa-dri libegl-mesa0 libegl1 libgl1 libopengl0 fonts-noto-core ca-certificates"

fail() {
    echo "$*" >&2
    exit 1
}

[ "$(id -u)" = 0 ] || fail "A Debian of its own needs root: sudo make test-gui."
command -v debootstrap >/dev/null || fail "debootstrap is missing. On Debian and Ubuntu: apt-get install debootstrap"
unshare --mount --propagation private true 2>/dev/null ||
    fail "This machine lets nobody mount (unshare --mount failed). In a container: docker run --privileged."

mkdir -p "$(dirname "$FOLDER")"
if [ ! -d "$FOLDER" ]; then
    rm -rf --one-file-system "$FOLDER.part"
    debootstrap --variant=minbase "$SUITE" "$FOLDER.part" "$MIRROR" ||
        fail "debootstrap failed; its log is $FOLDER.part/debootstrap/debootstrap.log"
    mv "$FOLDER.part" "$FOLDER"
fi

WANTED="$SUITE $(echo $PACKAGES)"
[ "$(cat "$FOLDER/realify-packages" 2>/dev/null)" != "$WANTED" ] || exit 0
# A mirror's snapshot, or a clock that is wrong, makes a suite's lists "expired"; they are signed all the same.
unshare --mount --propagation private sh -eu -c '
    mount -t proc proc "$0/proc"
    mount --rbind /dev "$0/dev"
    export DEBIAN_FRONTEND=noninteractive
    APT="chroot $0 apt-get -q -o Acquire::Check-Valid-Until=false -o APT::Install-Recommends=false"
    $APT update
    $APT install -y "$@"
    $APT clean' "$FOLDER" $PACKAGES || fail "apt-get failed in $FOLDER: remove that folder, or try SUITE=trixie."
echo "$WANTED" >"$FOLDER/realify-packages"
