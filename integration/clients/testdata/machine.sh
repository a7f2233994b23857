# Makes namespaces a machine whose DNS server is rollcall, and runs a command there.
#
#   machine.sh DIR COMMAND…
set -eu
dir=$1
shift

mount -t tmpfs tmpfs /run
echo 'hosts: files dns
passwd: files
group: files' >"$dir/nsswitch.conf"
printf 'nameserver 127.0.0.1\nsearch svc.internal\n' >"$dir/resolv.conf"
for file in nsswitch.conf resolv.conf; do mount --bind "$dir/$file" "/etc/$file"; done

# Resolvers ask for the families that the machine has an address of beside loopback.
# Each address of these networks is one of this machine.
ip link set lo up
ip address add 10.7.0.1/24 dev lo
ip address add fd07::1/64 dev lo nodad
ip -6 route add local fd07::/64 dev lo

exec "$@"
