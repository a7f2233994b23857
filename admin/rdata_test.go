package admin

import (
	"bytes"
	"strings"
	"testing"

	"github.com/miekg/dns"

	"github.com/rollcall-dns/rollcall/zone"
)

// Whatever octets a record has, another server reads the same ones from the file.
func FuzzRecordsReadBack(f *testing.F) {
	for _, s := range []string{"", "\x00", "k=v", `"\;@$()`, "\x7f\x80\xff é", "a.b", strings.Repeat("x", 255)} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		if len(text) > 255 {
			t.Skip()
		}
		label := append([]byte{byte(min(len(text), 63))}, text[:min(len(text), 63)]...)
		name := append(label, "\x04test\x00"...)
		if len(text) == 0 {
			name = []byte("\x04test\x00")
		}
		name, _ = zone.Canonical(nil, name)
		str := append([]byte{byte(len(text))}, text...)
		for typ, rdata := range map[uint16][]byte{
			dns.TypeTXT: append(str, "\x03two"...), dns.TypePTR: name, dns.TypeNS: name, dns.TypeCNAME: name,
			dns.TypeSRV: append([]byte{0, 1, 0, 2, 31, 144}, name...),
			dns.TypeSOA: append(bytes.Repeat(name, 2), "\x00\x00\x00\x01\x00\x00\x00\x02\x00\x00\x00\x03\x00\x00\x00\x04\xff\xff\xff\xff"...),
			65400:       text,
		} {
			line := zone.Name(name).String() + " 5 IN " + typeName(typ) + " " + rdataText(typ, rdata)
			rr, err := dns.NewRR(line)
			if err != nil {
				t.Fatalf("%s: %v", line, err)
			}
			wire := make([]byte, dns.Len(rr)+512)
			end, err := dns.PackRR(rr, wire, 0, nil, false)
			if err != nil {
				t.Fatalf("%s: %v", line, err)
			}
			got := wire[len(name)+10 : end]
			if !bytes.Equal(wire[:len(name)], name) || !bytes.Equal(got, rdata) {
				t.Fatalf("%s\nreads back as %q %q, want %q %q", line, wire[:len(name)], got, name, rdata)
			}
		}
	})
}

func TestAddressesReadBack(t *testing.T) {
	for _, want := range []string{"A 192.0.2.1", "AAAA 2001:db8::1", "AAAA ::", "AAAA ::ffff:192.0.2.1"} {
		rr, err := dns.NewRR("x. " + want)
		if err != nil {
			t.Fatal(err)
		}
		wire := make([]byte, 64)
		end, err := dns.PackRR(rr, wire, 0, nil, false)
		if err != nil {
			t.Fatal(err)
		}
		typ := rr.Header().Rrtype
		if got := typeName(typ) + " " + rdataText(typ, wire[len("\x01x\x00")+10:end]); got != want {
			t.Errorf("%s is written %s", want, got)
		}
	}
}
