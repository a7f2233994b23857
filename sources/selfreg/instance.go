package selfreg

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/rollcall-dns/rollcall/zone"
)

// registrationOf makes an instance of what a service told; key is idOf(service, id). All
// that is wrong is in the faults.
func (s *Source) registrationOf(key, id string, b body, f *faults) registration {
	in := b.in
	// One string for what lives as long: the request that they come from is longer.
	in.ID = key
	in.Service = key[:max(0, len(key)-len(id)-1)]
	if id == "" || len(id) > maxID || strings.IndexFunc(id, func(r rune) bool { return r <= ' ' || r > '~' }) >= 0 {
		f.add("id", "must be 1 to 128 printable ASCII characters, without spaces")
	}
	if in.Host == "" {
		in.Host = hostOf(id)
	}
	if in.Host == id {
		in.Host = in.ID[len(in.ID)-len(id):]
	}
	in.Reason = reasonOf(in.State)
	if in.Fallback != zone.FallbackNone && len(in.Checks) == 0 {
		f.add("fallback", "must not be given without a check: it is about what fails that")
	}
	addrs := b.addresses
	if len(addrs) > 0 {
		b.sender = netip.Addr{}
	} else {
		addrs = []netip.Addr{s.senderAddr(b.sender, f)}
	}
	f.ofAddresses(addrs)
	f.ofPorts(b.ports)
	for _, a := range addrs {
		in.Endpoints = append(in.Endpoints, zone.Endpoint{Addr: a.Unmap(), Ports: b.ports})
	}
	f.ofInstance(&in)
	return registration{in, b.period, b.sender}
}

// ofAddresses adds what the zone would take, and no client could use.
func (f *faults) ofAddresses(addrs []netip.Addr) {
	for i, a := range addrs {
		wrong := func(reason string) { f.add(fmt.Sprintf("addresses[%d]", i), reason) }
		same := func(o netip.Addr) bool { return o.Unmap() == a.Unmap() }
		switch {
		case a.Is6() && a.IsLinkLocalUnicast() && a.Zone() == "":
			wrong("must not be link-local: DNS cannot say on which link it is")
		case a.IsValid() && slices.IndexFunc(addrs, same) < i:
			wrong("must not be given twice")
		}
	}
}

func (f *faults) ofPorts(ports []zone.Port) {
	met := make(map[zone.Port]bool, len(ports))
	for i, p := range ports {
		p.Name, p.ALPN = strings.ToLower(p.Name), zone.ALPN{}
		if met[p] {
			f.add(fmt.Sprintf("ports[%d]", i), "must not have the name, the number and the protocol of another one")
		}
		met[p] = true
	}
}

// senderAddr is the address of a service that gave none.
func (s *Source) senderAddr(sender netip.Addr, f *faults) netip.Addr {
	if sender.IsLoopback() {
		return s.advertised(sender, f)
	}
	if !sender.IsValid() || sender.Zone() != "" {
		f.add("addresses", "must be given: the request came from "+sender.String()+", at which others cannot reach the service")
	}
	return sender
}

// advertised is the address of this host, of the sender's family if there is one.
func (s *Source) advertised(sender netip.Addr, f *faults) netip.Addr {
	for _, a := range s.opt.Advertise {
		if a.Is4() == sender.Is4() {
			return a
		}
	}
	if len(s.opt.Advertise) > 0 {
		return s.opt.Advertise[0]
	}
	f.add("addresses", "must be given: the request came from this host, which does not know its own address")
	return sender
}

// hostOf makes a host label of an ID, or gives "" when the zone shall make one.
func hostOf(id string) string {
	b := []byte(strings.ToLower(id))
	for i, c := range b {
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '_' {
			b[i] = '-'
		}
	}
	host := id
	if string(b) != id { // most are what they lead to
		host = string(b)
	}
	host = strings.Trim(host, "-_")
	if len(host) > 63 || host == zone.TagLabel {
		return ""
	}
	return host
}

// ofInstance adds what the zone would refuse, under the names that clients know.
// All addresses have the same ports, which are looked at once.
func (f *faults) ofInstance(in *zone.Instance) {
	check := *in
	if len(in.Endpoints) > 1 {
		check.Endpoints = slices.Clone(in.Endpoints)
		for i := range check.Endpoints[1:] {
			check.Endpoints[1+i].Ports = nil
		}
	}
	if n := len(in.Endpoints) * len(in.Endpoints[0].Ports); n > maxPorts {
		f.add("ports", fmt.Sprintf("must be at most %d, counted once for each address", maxPorts))
	}
	known := len(*f) == 0 // what is wrong may be the port of the check
	err := check.Validate()
	if err == nil {
		return
	}
	list := []error{err}
	if many, ok := err.(interface{ Unwrap() []error }); ok {
		list = many.Unwrap()
	}
	for _, err := range list {
		if fe := new(zone.FieldError); errors.As(err, &fe) {
			field := fieldOf(fe.Field)
			if rest, ok := strings.CutPrefix(fe.Field, "Checks[0]."); ok {
				field = fieldOfCheck(rest, &in.Checks[0])
			}
			if field != "check.port" || known {
				f.add(field, fe.Reason)
			}
		}
	}
}

// fieldOf gives a field of zone.Instance its name in the body: the addresses of a
// service have the same ports, so "Endpoints[0].Ports[1].Proto" is "ports[1].protocol".
func fieldOf(field string) string {
	head, rest, nested := strings.Cut(field, "].")
	switch {
	case strings.HasPrefix(field, "Meta["):
		key, _ := strconv.Unquote(field[len("Meta[") : len(field)-1])
		return below("meta", key)
	case nested && rest == "Addr":
		return strings.Replace(head, "Endpoints", "addresses", 1) + "]"
	case nested:
		return strings.Replace(strings.ToLower(rest), ".proto", ".protocol", 1)
	case field == "Endpoints":
		return "addresses"
	}
	return strings.ToLower(field)
}
