package admin

import (
	"bufio"
	"fmt"
	"math"
	"net/http"
	"net/netip"
	"strings"

	"github.com/rollcall-dns/rollcall/zone"
)

// getZone writes a zone as a master file (RFC 1035 §5.1, media type RFC 4027).
func (h *handler) getZone(w http.ResponseWriter, r *http.Request, name string) *problem {
	from, err := askerOf(r)
	if err != nil {
		return refusal(http.StatusBadRequest, err.Error())
	}
	if waiting := h.Waiting(); len(waiting) > 0 {
		return unavailable("waiting for "+strings.Join(waiting, ", "), patience)
	}
	snap := h.Zone.Snapshot()
	f := &zoneFile{snap: snap, ns: h.NameServer}
	f.q = zone.Question{View: snap.View(from), Now: h.Clock(), Max: math.MaxInt}
	if f.apex, err = zone.ParseName(name); err != nil || !f.find(f.apex, zone.TypeSOA) {
		return refusal(http.StatusNotFound, "this server has no zone of this name")
	}
	done, ok := h.turn(r.Context())
	if !ok {
		return unavailable("another zone is being written", patience)
	}
	defer done()
	w.Header().Set("Content-Type", "text/dns")
	f.out = bufio.NewWriterSize(w, 32<<10)
	f.write() // who does not read it has gone
	return nil
}

// zoneFile is one zone as one asker sees it at one moment: each set is what a
// question for it would be answered with.
type zoneFile struct {
	snap *zone.Snapshot
	apex zone.Name
	ns   []netip.Addr
	q    zone.Question
	a    zone.Answer
	buf  []byte
	out  *bufio.Writer
}

// write gives the SOA record first, as RFC 1035 §5.2 asks, then NS, then the rest
// in the order of the zone.
func (f *zoneFile) write() error {
	f.set(f.apex, zone.TypeSOA)
	f.set(f.apex, zone.TypeNS)
	f.nameServer()
	var last zone.Listed
	for l := range f.snap.Records() {
		owner, ok := f.owner(l.Owner)
		apex := owner == f.apex && (l.Type == zone.TypeSOA || l.Type == zone.TypeNS)
		if !ok || apex || l.Owner == last.Owner && l.Type == last.Type {
			continue
		}
		last = l
		if err := f.set(owner, l.Type); err != nil {
			return err
		}
	}
	return f.out.Flush()
}

// owner is the name in this zone that a listed name stands for, if any: what is
// listed for the first domain is also in the others.
func (f *zoneFile) owner(n zone.Name) (zone.Name, bool) {
	if below(n, f.apex) {
		return n, true
	}
	domains := f.snap.Domains()
	for _, d := range domains[1:] {
		if d == f.apex && below(n, domains[0]) {
			return n[:len(n)-len(domains[0])] + d, true
		}
	}
	return "", false
}

// below reports whether n is the apex or a name below it.
func below(n, apex zone.Name) bool {
	for ; len(n) > len(apex); n = n[1+n[0]:] {
	}
	return n == apex
}

// find looks up a set in the zone; it is false when there is none.
func (f *zoneFile) find(owner zone.Name, typ uint16) bool {
	f.q.Name, f.q.Type = []byte(owner), typ
	f.snap.Lookup(&f.q, &f.a)
	return f.a.Code == zone.Success && f.a.Apex == f.apex
}

func (f *zoneFile) set(owner zone.Name, typ uint16) error {
	if !f.find(owner, typ) {
		return nil // all who have it are out of this asker's reach, or their leases have ended
	}
	for i := range f.a.Answer {
		f.buf = f.a.Answer[i].AppendRdata(f.buf[:0])
		if err := f.line(owner, f.a.Answer[i].TTL, typ, f.buf); err != nil {
			return err
		}
	}
	return nil
}

// nameServer gives the addresses of the zone's name server where its name is in
// the zone: without them no other server loads the file.
func (f *zoneFile) nameServer() {
	if !f.find(f.apex, zone.TypeNS) {
		return
	}
	host, ttl := zone.Name(f.a.Answer[0].AppendRdata(nil)), f.a.Answer[0].TTL
	if !below(host, f.apex) {
		return
	}
	for _, ip := range f.ns {
		typ := zone.TypeAAAA
		if ip.Is4() {
			typ = zone.TypeA
		}
		f.line(host, ttl, typ, ip.AsSlice())
	}
}

func (f *zoneFile) line(owner zone.Name, ttl uint32, typ uint16, rdata []byte) error {
	_, err := fmt.Fprintf(f.out, "%s\t%d\tIN\t%s\t%s\n", owner, ttl, typeName(typ), rdataText(typ, rdata))
	return err
}
