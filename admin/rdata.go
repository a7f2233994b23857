package admin

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"net/netip"
	"strings"

	"github.com/rollcall-dns/rollcall/zone"
)

// typeNames are the types that are written in a form of their own. All others have
// the form of RFC 3597 §5, which servers read for every type.
var typeNames = map[uint16]string{
	zone.TypeA: "A", zone.TypeNS: "NS", zone.TypeCNAME: "CNAME", zone.TypeSOA: "SOA", zone.TypePTR: "PTR",
	zone.TypeTXT: "TXT", zone.TypeAAAA: "AAAA", zone.TypeSRV: "SRV",
}

func typeName(typ uint16) string {
	if n, ok := typeNames[typ]; ok {
		return n
	}
	return fmt.Sprintf("TYPE%d", typ)
}

// rdataText is the data of a record as a master file has it. The data is well
// formed: it comes from the zone.
func rdataText(typ uint16, d []byte) string {
	switch typ {
	case zone.TypeA, zone.TypeAAAA:
		ip, _ := netip.AddrFromSlice(d)
		return ip.String()
	case zone.TypeNS, zone.TypePTR, zone.TypeCNAME:
		return zone.Name(d).String()
	case zone.TypeSRV:
		return fmt.Sprintf("%d %d %d %s", binary.BigEndian.Uint16(d), binary.BigEndian.Uint16(d[2:]), binary.BigEndian.Uint16(d[4:]), zone.Name(d[6:]))
	case zone.TypeTXT:
		return textStrings(d)
	case zone.TypeSOA:
		return soaText(d)
	}
	return strings.TrimSpace(fmt.Sprintf(`\# %d %s`, len(d), hex.EncodeToString(d)))
}

// soaText is the data of RFC 1035 §3.3.13: two names and five numbers.
func soaText(d []byte) string {
	names, numbers := d[:len(d)-20], d[len(d)-20:]
	host := 0
	for names[host] != 0 {
		host += 1 + int(names[host])
	}
	host++
	var b strings.Builder
	b.WriteString(zone.Name(names[:host]).String() + " " + zone.Name(names[host:]).String())
	for ; len(numbers) > 0; numbers = numbers[4:] {
		fmt.Fprintf(&b, " %d", binary.BigEndian.Uint32(numbers))
	}
	return b.String()
}

// textStrings are the character-strings of a TXT record, each in quotes (RFC 1035 §5.1).
func textStrings(d []byte) string {
	var b strings.Builder
	for ; len(d) > 0; d = d[1+int(d[0]):] {
		if b.Len() > 0 {
			b.WriteByte(' ')
		}
		b.WriteByte('"')
		for _, c := range d[1 : 1+int(d[0])] {
			switch {
			case c == '"' || c == '\\':
				b.WriteByte('\\')
				b.WriteByte(c)
			case c < ' ' || c > '~':
				fmt.Fprintf(&b, `\%03d`, c)
			default:
				b.WriteByte(c)
			}
		}
		b.WriteByte('"')
	}
	return b.String()
}
