package selfreg

import (
	"encoding/binary"
	"encoding/json"
	"maps"
	"net/netip"
	"slices"
	"strings"

	"github.com/rollcall-dns/rollcall/zone"
)

// record is a registration as it is kept, here and in the journal: its fields, each an
// octet that says which it is, and its value. Two that are equal are of equal
// registrations. One is kept of each instance, so what most do not have, or what follows
// from the ID, takes no octet: fifteen are enough for an address, a port and a lease.
type record string

// The fields of a record. What they are must never change; there may be more. All are
// less than the octets of text: older versions have kept a body in JSON.
const (
	fieldLease    = 1 + iota // in nanoseconds; the first of all
	fieldSender              // text: where one without addresses asked from
	fieldIPv4                // 4 octets
	fieldIPv6                // 16 octets
	fieldPort                // 2 octets: its number, in big-endian order
	fieldProto               // of the port before, if it is another: text
	fieldPortName            // of the port before: text
	fieldALPN                // of the port before: text, with commas between protocols
	fieldTTL                 // in nanoseconds
	fieldPriority
	fieldWeight
	fieldTag      // text
	fieldMeta     // a key and a value, both text
	fieldState    // text: other than up
	fieldHost     // text: other than that of the ID
	fieldCheck    // text: JSON, as in a body
	fieldFallback // text
)

// encode writes a registration down.
func encode(r *registration) record {
	in := &r.in
	b := append(make([]byte, 0, 128), fieldLease)
	b = binary.AppendUvarint(b, uint64(r.period))
	if r.sender.IsValid() {
		b = appendField(b, fieldSender, r.sender.String())
	} else {
		for _, e := range in.Endpoints {
			b = appendAddress(b, e.Addr)
		}
	}
	for _, p := range in.Endpoints[0].Ports {
		b = appendPort(b, p)
	}
	b = appendNumber(b, fieldTTL, uint64(in.TTL))
	b = appendNumber(b, fieldPriority, uint64(in.Priority))
	b = appendNumber(b, fieldWeight, uint64(in.Weight))
	for _, t := range in.Tags {
		b = appendField(b, fieldTag, t)
	}
	for _, k := range slices.Sorted(maps.Keys(in.Meta)) {
		b = appendCounted(appendField(b, fieldMeta, k), in.Meta[k])
	}
	if in.State != zone.Up {
		b = appendField(b, fieldState, in.State.String())
	}
	if _, id := splitID(in.ID); in.Host != hostOf(id) {
		b = appendField(b, fieldHost, in.Host)
	}
	if len(in.Checks) > 0 {
		check, err := json.Marshal(wireCheckOf(in.Checks[0]))
		if err != nil {
			panic("selfreg: a check cannot be written: " + err.Error()) // there is nothing in it that can fail
		}
		b = appendField(b, fieldCheck, string(check))
	}
	if in.Fallback != zone.FallbackNone {
		b = appendField(b, fieldFallback, in.Fallback.String())
	}
	return record(b)
}

func appendAddress(b []byte, a netip.Addr) []byte {
	if a.Is4() {
		b = append(b, fieldIPv4)
	} else {
		b = append(b, fieldIPv6)
	}
	return append(b, a.AsSlice()...)
}

func appendPort(b []byte, p zone.Port) []byte {
	b = binary.BigEndian.AppendUint16(append(b, fieldPort), p.Number)
	if p.Proto != zone.TCP {
		b = appendField(b, fieldProto, p.Proto.String())
	}
	if p.Name != "" {
		b = appendField(b, fieldPortName, p.Name)
	}
	if ids := p.ALPN.Protocols(); len(ids) > 0 {
		b = appendField(b, fieldALPN, strings.Join(ids, ","))
	}
	return b
}

func appendNumber(b []byte, field byte, n uint64) []byte {
	if n == 0 {
		return b
	}
	return binary.AppendUvarint(append(b, field), n)
}

func appendField(b []byte, field byte, text string) []byte {
	return appendCounted(append(b, field), text)
}

// appendCounted appends a text behind its length.
func appendCounted(b []byte, text string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(text))), text...)
}
