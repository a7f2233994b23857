package selfreg

import (
	"encoding/json"
	"net/netip"

	"github.com/rollcall-dns/rollcall/zone"
)

// record is a registration as it is kept, here and in the journal: a wireRecord. Two
// that are equal are of equal registrations.
type record string

// wireRecord is a registration as the journal keeps it: a body, or one without
// addresses and where it came from.
type wireRecord struct {
	Sender    netip.Addr        `json:"sender,omitzero"`
	Addresses []netip.Addr      `json:"addresses,omitempty"`
	Ports     []wirePort        `json:"ports,omitempty"`
	Lease     string            `json:"lease"`
	TTL       string            `json:"ttl,omitempty"`
	Priority  uint16            `json:"priority,omitempty"`
	Weight    uint16            `json:"weight,omitempty"`
	Tags      []string          `json:"tags,omitempty"`
	Meta      map[string]string `json:"meta,omitempty"`
	State     string            `json:"state"`
	Host      string            `json:"host,omitempty"`
	Check     *wireCheck        `json:"check,omitempty"`
	Fallback  string            `json:"fallback,omitempty"`
}

type wirePort struct {
	Name     string   `json:"name,omitempty"`
	Number   uint16   `json:"number"`
	Protocol string   `json:"protocol"`
	ALPN     []string `json:"alpn,omitempty"`
}

func wirePorts(ports []zone.Port) []wirePort {
	out := make([]wirePort, len(ports))
	for i, p := range ports {
		out[i] = wirePort{p.Name, p.Number, p.Proto.String(), p.ALPN.Protocols()}
	}
	return out
}

// encode writes a registration down.
func encode(r *registration) record {
	w := wireRecord{
		Sender: r.sender,
		Ports:  wirePorts(r.in.Endpoints[0].Ports), Lease: r.period.String(),
		Priority: r.in.Priority, Weight: r.in.Weight, Tags: r.in.Tags, Meta: r.in.Meta,
		State: r.in.State.String(), Host: r.in.Host,
	}
	if r.in.Fallback != zone.FallbackNone {
		w.Fallback = r.in.Fallback.String()
	}
	if r.in.TTL > 0 {
		w.TTL = r.in.TTL.String()
	}
	if !r.sender.IsValid() {
		for _, e := range r.in.Endpoints {
			w.Addresses = append(w.Addresses, e.Addr)
		}
	}
	if len(r.in.Checks) > 0 {
		c := wireCheckOf(r.in.Checks[0])
		w.Check = &c
	}
	data, err := json.Marshal(w)
	if err != nil {
		panic("selfreg: a registration cannot be written: " + err.Error()) // there is nothing in it that can fail
	}
	return record(data)
}

// parseRecord reads a registration as encode has written it.
func parseRecord(data []byte, f *faults) body {
	var sender netip.Addr
	b := parse(data, f, []field{{"sender", func(path string, v any) { sender = f.address(path, v) }}})
	b.sender = sender
	return b
}
