#!/bin/sh
# Runs a program as the first process of a container, as an engine does: container.sh ROOT USER PROGRAM ARGUMENTS, under
# unshare --mount --pid --fork. ROOT/usr/local and ROOT/etc are the image's; the rest of /usr is the machine's, read-only.
set -eu
root=$1
user=$2
shift 2
mount --make-rprivate /
mkdir -p "$root/usr/bin" "$root/usr/lib" "$root/usr/lib64" "$root/usr/sbin" "$root/proc" "$root/dev" "$root/tmp"
for directory in bin lib lib64 sbin; do
  [ -d "/usr/$directory" ] || continue
  mount --bind "/usr/$directory" "$root/usr/$directory"
  mount -o remount,bind,ro "$root/usr/$directory"
  ln -s "usr/$directory" "$root/$directory"
done
mount -t proc proc "$root/proc"
mount -t tmpfs -o mode=0755 tmpfs "$root/dev"
for device in null zero urandom; do
  : >"$root/dev/$device"
  mount --bind "/dev/$device" "$root/dev/$device"
done
mount -t tmpfs -o mode=1777 tmpfs "$root/tmp"
ldconfig -r "$root"
exec chroot --userspec="$user" "$root" /usr/bin/env -i PATH=/usr/local/bin:/usr/bin:/bin "$@"
