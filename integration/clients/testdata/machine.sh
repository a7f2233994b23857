# Makes namespaces a machine whose DNS server is rollcall, and runs a command there.
#
#   machine.sh DIR COMMAND…
#
# DIR holds a resolv.conf, and gets further files.
set -eu
dir=$1
shift

mount -t tmpfs tmpfs /run
echo 'hosts: files dns
passwd: files
group: files' >"$dir/nsswitch.conf"
cp /etc/passwd "$dir/passwd"
grep -q '^systemd-resolve:' /etc/passwd || echo 'systemd-resolve:x:64990:65534::/:/usr/sbin/nologin' >>"$dir/passwd"
for file in nsswitch.conf resolv.conf passwd; do mount --bind "$dir/$file" "/etc/$file"; done

# Resolvers look whether there is a network, and ask for the families of its addresses.
# Each address of these networks is one of this machine.
ip link set lo up
ip link add lan type veth peer name far-end
ip link set lan up
ip link set far-end up
ip address add 10.7.0.1/24 dev lan
ip address add fd07::1/64 dev lan nodad
ip route add local 10.7.0.0/24 dev lo
ip route add local fd07::/64 dev lo

exec "$@"
