//go:build conformance

package differential

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
)

// A registration is one instance as docs/http-api.md has it.
type registration struct {
	service, id string
	body        map[string]any
}

func (r *registration) json() string {
	b, err := json.Marshal(r.body)
	if err != nil {
		panic(err) // it holds strings and numbers
	}
	return string(b)
}

func (r *registration) addresses() []netip.Addr { return r.body["addresses"].([]netip.Addr) }

// The sizes of the generated registry. Addresses and hosts are few, so that
// instances share them; services are named after others, so that names collide.
const (
	services    = 90
	maxReplicas = 6
	bigReplicas = 80 // of the service whose answers are too long for UDP
)

var (
	words = []string{"web", "db", "api", "cache", "mail", "x", "a-b", "q_1", "0", "tag", "xn--bcher-kva", strings.Repeat("long", 12)}
	tags  = []string{"v2", "eu", "US", "canary", "a b", `q"\`, "é", "_u", "*", "dot.ted", "7", "tag"}
	texts = []string{"", "1", "plain", "two words", `"quoted" \`, "é;$(@)", "\t", strings.Repeat("x", 200)}
	ports = []map[string]any{
		{"number": 80}, {"number": 443, "name": "https", "alpn": []string{"h2", "http/1.1"}}, {"number": 8080, "name": "http"}, {"number": 53, "protocol": "udp"},
		{"number": 9100}, {"number": 5060, "protocol": "sctp"}, {"number": 65535, "name": "a_b-c"}, {"number": 1},
	}
	states = []string{"up", "up", "up", "up", "up", "draining", "starting", "down"}
)

// registryOf is the same for the same seed.
func registryOf(rnd *rand.Rand) []registration {
	var all []registration
	for i := range services {
		service := fmt.Sprintf("%s%d", pick(rnd, words[:8]), i)
		switch rnd.IntN(5) {
		case 0:
			service += ".shop" // nothing is registered there: an empty non-terminal
		case 1:
			if len(all) > 0 {
				service = pick(rnd, words) + "." + pick(rnd, all).service // may be where an instance wants to be
			}
		}
		if len(service) > 60 || strings.HasPrefix(service, "tag.") {
			continue
		}
		n, silent := 1+rnd.IntN(maxReplicas), i%9 == 4
		if i == 0 {
			n = bigReplicas
		}
		for j := range n {
			all = append(all, instanceOf(rnd, service, j, silent))
		}
	}
	return all
}

// instanceOf makes one instance; none of a silent service is up.
func instanceOf(rnd *rand.Rand, service string, n int, silent bool) registration {
	body := map[string]any{"lease": "24h", "ttl": fmt.Sprintf("%ds", 1+rnd.IntN(3600)), "state": pick(rnd, states)}
	if silent {
		body["state"] = states[len(states)-1-rnd.IntN(3)]
	}
	if rnd.IntN(3) > 0 {
		body["ports"] = someOf(rnd, ports, 3)
	}
	if rnd.IntN(3) == 0 {
		body["priority"], body["weight"] = rnd.IntN(65536), rnd.IntN(65536)
	}
	if rnd.IntN(2) == 0 {
		body["tags"] = someOf(rnd, tags, 3)
	}
	if rnd.IntN(3) == 0 {
		body["meta"] = map[string]string{"k": pick(rnd, texts), pick(rnd, words): pick(rnd, texts)}
	}
	if host := pick(rnd, words); rnd.IntN(2) == 0 && host != "tag" && len(host) < 40 {
		body["host"] = host
	}
	var addrs []netip.Addr
	for range 1 + rnd.IntN(3) {
		if a := addressOf(rnd); !slices.Contains(addrs, a) {
			addrs = append(addrs, a)
		}
	}
	body["addresses"] = addrs
	return registration{service, fmt.Sprintf("i/%d", n), body}
}

// addressOf is mostly in private ranges: an address elsewhere is a zone of its own.
func addressOf(rnd *rand.Rand) netip.Addr {
	b := byte(1 + rnd.IntN(250))
	switch rnd.IntN(8) {
	case 0:
		return netip.AddrFrom4([4]byte{192, 0, 2, 1 + b%4})
	case 1:
		return netip.AddrFrom4([4]byte{172, 16 + b%16, 0, b})
	case 2, 3:
		return netip.AddrFrom16([16]byte{0: 0xfd, 15: b})
	case 4:
		return netip.AddrFrom16([16]byte{0: 0x20, 1: 0x01, 2: 0x0d, 3: 0xb8, 15: 1 + b%4})
	}
	return netip.AddrFrom4([4]byte{10, 0, b % 3, b})
}

func pick[T any](rnd *rand.Rand, from []T) T { return from[rnd.IntN(len(from))] }

// someOf picks one to most, without repetition.
func someOf[T any](rnd *rand.Rand, from []T, most int) []T {
	var some []T
	for _, i := range rnd.Perm(len(from))[:1+rnd.IntN(most)] {
		some = append(some, from[i])
	}
	return some
}
