# Comes before each script that bash runs for TestScripts: waits that end, and an end
# that leaves nothing behind which would keep the test waiting.

# await COMMAND: until it succeeds, for a minute at most.
await() {
	local end=$((SECONDS + 60))
	until eval "$1"; do
		if [ $SECONDS -ge $end ]; then
			echo "waited in vain: $1" >&2
			tail -n 100 log* >&2
			exit 1
		fi
		sleep 0.02
	done
}

trap 'for job in $(jobs -p); do pkill -P $job; kill $job; done 2>/dev/null' EXIT
