#!/bin/bash
# Boots the system below a directory as a machine of its own: boot_machine.sh NAME ROOT. NAME is its network namespace and
# its control group. Ends when the machine is off; whoever kills this kills the machine.
set -euo pipefail
name=$1 root=$2
if [ -e /sys/fs/cgroup/cgroup.controllers ]; then
    group=/sys/fs/cgroup kind=(-t cgroup2) place=sys/fs/cgroup
else
    group=/sys/fs/cgroup/systemd kind=(-t cgroup -o none,name=systemd) place=sys/fs/cgroup/systemd
fi
mkdir -p "$group/$name"
echo $$ >"$group/$name/cgroup.procs"

# shellcheck disable=SC2016
exec nsenter --net="/run/netns/$name" unshare --fork --kill-child --pid --mount --uts --ipc --cgroup bash -euc '
    name=$1 root=$2 place=$3
    shift 3
    mount --make-rprivate /
    hostname "$name"
    mount -t proc proc "$root/proc"
    mount -t sysfs -o ro sysfs "$root/sys"
    mount -t tmpfs -o mode=755 tmpfs "$root/sys/fs/cgroup"
    mkdir -p "$root/$place"
    mount "$@" cgroup "$root/$place"
    mount -t tmpfs -o mode=755 tmpfs "$root/run"
    mount -t tmpfs -o mode=755 tmpfs "$root/dev"
    for device in null zero full random urandom tty; do
        touch "$root/dev/$device"
        mount --bind "/dev/$device" "$root/dev/$device"
    done
    mkdir "$root/dev/pts" "$root/dev/shm"
    mount -t devpts -o newinstance,ptmxmode=0666,mode=620,gid=5 devpts "$root/dev/pts"
    ln -s pts/ptmx "$root/dev/ptmx"
    ln -s /proc/self/fd "$root/dev/fd"
    mount -t tmpfs tmpfs "$root/dev/shm"
    cd "$root"
    pivot_root . mnt
    umount -l /mnt
    exec env -i container=other PATH=/usr/sbin:/usr/bin:/sbin:/bin /lib/systemd/systemd --system
' _ "$name" "$root" "$place" "${kind[@]}"
