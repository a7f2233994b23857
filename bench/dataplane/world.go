package main

import (
	"bufio"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"

	"github.com/rollcall-dns/rollcall/bench/internal/web"
)

// world is the data that every server has, and what is asked about it.
type world struct {
	dir               string
	services, members int
	set, over         string
}

// domain is that of the services: one that is ours, or one that is not, with a TTL for
// which it stays in a cache.
func (w *world) domain() (name string, ttl int) {
	if w.set == cached {
		return "svc.bench.example", 86400
	}
	return "svc.internal", 5
}

// of is the same with another number of services, unless that is 0.
func (w *world) of(services int) (*world, error) {
	if services == 0 || services == w.services {
		return w, nil
	}
	other := *w
	other.services, other.dir = services, filepath.Join(w.dir, strconv.Itoa(services))
	if err := os.MkdirAll(other.dir, 0o755); err != nil {
		return nil, err
	}
	return &other, other.write()
}

func (w *world) instances() int    { return w.services * w.members }
func (w *world) questions() string { return filepath.Join(w.dir, "questions") }
func (w *world) zoneFile() string  { return filepath.Join(w.dir, "zone") }

// address is that of a member: each has its own.
func (w *world) address(service, member int) string {
	n := service*w.members + member
	return fmt.Sprintf("10.%d.%d.%d", n>>16&255, n>>8&255, n&255)
}

// asked is how many questions there are before they repeat.
const asked = 50_000

// write writes the zone file and the questions: 45 % SRV, 45 % A, 5 % AAAA of names
// that have none, 5 % of names that do not exist.
func (w *world) write() error {
	name, ttl := w.domain()
	zone := func(out *bufio.Writer) {
		fmt.Fprintf(out, "$ORIGIN %s.\n$TTL %d\n@ SOA ns.dns nobody.invalid. 1 3600 1200 604800 %d\n@ NS ns.dns\nns.dns A 127.0.0.1\n", name, ttl, ttl)
		for s := range w.services {
			for m := range w.members {
				fmt.Fprintf(out, "s%d A %s\ns%d SRV 0 0 80 i%d.s%d\ni%d.s%d A %s\n", s, w.address(s, m), s, m, s, m, s, w.address(s, m))
			}
		}
	}
	rnd := rand.New(rand.NewPCG(1, 2))
	questions := func(out *bufio.Writer) {
		for range asked {
			s := rnd.IntN(w.services)
			switch p := rnd.IntN(100); {
			case p < 45:
				fmt.Fprintf(out, "s%d.%s SRV\n", s, name)
			case p < 90:
				fmt.Fprintf(out, "s%d.%s A\n", s, name)
			case p < 95:
				fmt.Fprintf(out, "s%d.%s AAAA\n", s, name)
			default:
				fmt.Fprintf(out, "nope%d.%s A\n", s, name)
			}
		}
	}
	if err := writeFile(w.zoneFile(), zone); err != nil {
		return err
	}
	return writeFile(w.questions(), questions)
}

func writeFile(path string, fill func(*bufio.Writer)) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer f.Close()
	b := bufio.NewWriter(f)
	fill(b)
	return b.Flush()
}

// registrars is how many connections register at the same time.
const registrars = 16

// register registers all instances with the server at an HTTP address.
func (w *world) register(ctx context.Context, addr string) error {
	return web.Each(ctx, addr, registrars, w.instances(), func(i int, b []byte) []byte {
		return w.appendPut(b, i, 0)
	})
}

// appendPut appends the request that registers an instance.
func (w *world) appendPut(b []byte, i, weight int) []byte {
	service, member := i/w.members, i%w.members
	return web.AppendPut(b, fmt.Sprintf("/v1/services/s%d/instances/i%d", service, member),
		fmt.Appendf(nil, `{"addresses":[%q],"ports":[{"number":80}],"lease":"1h","weight":%d}`, w.address(service, member), weight))
}
