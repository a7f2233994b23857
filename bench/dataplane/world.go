package main

import (
	"bufio"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"

	"github.com/rollcall-dns/rollcall/bench/internal/fleet"
)

// world is the data that every server has, and what is asked about it.
type world struct {
	fleet.Fleet
	dir, set, over string
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
	if services == 0 || services == w.Services {
		return w, nil
	}
	other := *w
	other.Services, other.dir = services, filepath.Join(w.dir, strconv.Itoa(services))
	if err := os.MkdirAll(other.dir, 0o755); err != nil {
		return nil, err
	}
	return &other, other.write()
}

func (w *world) questions() string { return filepath.Join(w.dir, "questions") }
func (w *world) zoneFile() string  { return filepath.Join(w.dir, "zone") }

// asked is how many questions there are before they repeat.
const asked = 50_000

// write writes the zone file and the questions: 45 % SRV, 45 % A, 5 % AAAA of names
// that have none, 5 % of names that do not exist.
func (w *world) write() error {
	name, ttl := w.domain()
	zone := func(out *bufio.Writer) {
		fmt.Fprintf(out, "$ORIGIN %s.\n$TTL %d\n@ SOA ns.dns nobody.invalid. 1 3600 1200 604800 %d\n@ NS ns.dns\nns.dns A 127.0.0.1\n", name, ttl, ttl)
		for i := range w.Len() {
			service, host := w.Name(i)
			fmt.Fprintf(out, "%[1]s A %[3]s\n%[1]s SRV 0 0 80 %[2]s.%[1]s\n%[2]s.%[1]s A %[3]s\n", service, host, w.Address(i))
		}
	}
	rnd := rand.New(rand.NewPCG(1, 2))
	questions := func(out *bufio.Writer) {
		for range asked {
			s := rnd.IntN(w.Services)
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
