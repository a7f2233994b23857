# Runs the commands of the README on a machine of its own: see readme_test.go,
# which starts this in new network, mount and process namespaces.
#
#   readme.sh DIR IMAGE.tar    DIR holds the blocks 00.sh, 01.sh, …
set -eu
dir=$1 tar=$2

ip link set lo up
ip link add eth0 type veth peer name far
ip addr add 192.0.2.2/24 dev eth0
ip link set eth0 up
ip link set far up
ip route add default via 192.0.2.1
mount -t tmpfs tmpfs /run
mkdir "$dir/data"

dockerd --data-root "$dir/data" --exec-root "$dir/exec" --pidfile "$dir/pid" >"$dir/dockerd.log" 2>&1 </dev/null &
engine=$!
up() { for _ in $(seq 600); do if "$@" >/dev/null 2>&1; then return; fi; sleep 0.1; done; echo "waited in vain: $*"; return 1; }
up docker version || { tail -n 20 "$dir/dockerd.log"; exit 1; }
docker import --change 'ENV PATH=/bin' --change 'EXPOSE 80' --change 'CMD ["peer","serve",":80"]' "$tar" nginx
docker tag nginx busybox

# sudo needs none here
sudo() { "$@"; }
export -f sudo

server=
cd ..
for file in "$dir"/[0-9]*.sh; do
	out=${file%.sh}.out
	case $(cat "$file") in
	'make run' | 'sudo bin/rollcall serve'*)
		[ "$(docker ps -q --filter name=rollcall)" = "" ] || docker rm --force rollcall
		bash -eu "$file" >"$out" 2>&1 &
		server=$!
		up curl -fsS http://127.0.0.1:8054/readyz || { cat "$out"; exit 1; }
		continue
		;;
	'make image'*) # "Stop the server of the quick start"
		kill -INT "$(busybox pidof rollcall)"
		wait $server || true
		;;
	esac
	bash -eu "$file" >"$out" 2>&1 || { echo "failed: $(cat "$file" "$out")"; exit 1; }
	echo "ok: $(head -n 1 "$file")"
done
docker ps -aq | xargs docker rm --force >/dev/null
kill "$(busybox pidof rollcall)" || true
kill $engine
wait $engine || true
