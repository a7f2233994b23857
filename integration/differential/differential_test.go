//go:build conformance

package differential

import (
	"flag"
	"math/rand/v2"
	"sync"
	"testing"
	"time"
)

var (
	seed  = flag.Uint64("seed", 1, "makes the registry and the questions")
	total = flag.Int("questions", enough, "how many questions are asked")
)

// enough questions are those with which every rule has to explain something.
const enough = 100_000

// batch is how many questions are asked before their replies are compared.
const batch = 5000

func TestEveryDifferenceIsExplained(t *testing.T) {
	rnd := rand.New(rand.NewPCG(*seed, 0))
	own, c := startRollcall(t, staticFile(t, rnd))
	registry := registryOf(rnd)
	c.register(registry)
	w := newWorld(t, c.zonesOf(registry), append(c.names(), reverseNames(t, registry)...))
	checkFiles(t, w.zones)
	servers := []*server{own}
	for i := range peers {
		servers = append(servers, peers[i].start(t, w.zones))
	}
	a, tab := newAsker(w, rnd), newTable()
	began := time.Now()
	for asked := 0; asked < *total; asked += batch {
		qs := a.questions(min(batch, *total-asked))
		replies := askAll(t, servers, qs)
		for i, q := range qs {
			for s, peer := range servers[1:] {
				tab.compare(&pair{q, w, w.place(q.name), peer.name, replies[0][i], replies[s+1][i]})
			}
		}
	}
	t.Logf("%d questions about %d instances, %d names in %d zones, in %v", *total, len(registry), len(a.known), len(w.zones), time.Since(began).Round(time.Second))
	tab.report(t)
}

// askAll gives the replies of each server to each question.
func askAll(t *testing.T, servers []*server, qs []*question) [][]*reply {
	t.Helper()
	replies, errs := make([][]*reply, len(servers)), make([]error, len(servers))
	var wg sync.WaitGroup
	for i, s := range servers {
		wg.Go(func() { replies[i], errs[i] = askOne(s, qs) })
	}
	wg.Wait()
	for i, err := range errs {
		if err != nil {
			t.Fatalf("%s: %v", servers[i].name, err)
		}
	}
	return replies
}

// askOne asks what is for UDP, then what is for TCP.
func askOne(s *server, qs []*question) ([]*reply, error) {
	replies := make([]*reply, len(qs))
	for _, network := range []string{"udp", "tcp"} {
		var some []*question
		var at []int
		for i, q := range qs {
			if q.tcp == (network == "tcp") {
				some, at = append(some, q), append(at, i)
			}
		}
		msgs, err := ask(network, s.addr, some)
		if err != nil {
			return nil, err
		}
		for i, msg := range msgs {
			replies[at[i]] = parse(msg)
		}
	}
	return replies, nil
}
