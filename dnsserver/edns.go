package dnsserver

import (
	"encoding/binary"

	"github.com/miekg/dns"
)

// EDNS is what the OPT record of a query says (RFC 6891 §6.1).
type EDNS struct {
	Present bool
	Version uint8
	Size    uint16 // the largest datagram that the asker takes
	DO      bool   // RFC 3225: repeated in the reply

	options []byte

	// What options are in it that replies know: set when all were read.
	cookie    []byte // data of the COOKIE option; nil is none
	nsid      bool
	keepalive bool
	padding   bool
}

// check reads the options. It looks at the version first: those of another one may
// look otherwise (RFC 6891 §6.1.3). Of options that come twice the first counts.
func (e *EDNS) check(t Transport) error {
	if e.Version != 0 {
		return errVersion
	}
	read := *e
	for o := e.options; len(o) > 0; {
		if len(o) < 4 {
			return errFormat
		}
		code, n := binary.BigEndian.Uint16(o), int(binary.BigEndian.Uint16(o[2:]))
		if 4+n > len(o) || !read.option(code, o[4:4+n], t) {
			return errFormat
		}
		o = o[4+n:]
	}
	*e = read
	return nil
}

// option notes an option, or reports that its form is wrong. Unknown ones are passed
// over (RFC 6891 §6.1.2).
func (e *EDNS) option(code uint16, data []byte, t Transport) bool {
	switch {
	case code == dns.EDNS0NSID:
		e.nsid = true // whatever its data (RFC 5001 §2.1)
	case code == dns.EDNS0TCPKEEPALIVE && (t == TCP || t == TLS): // else ignored (RFC 7828 §3.3.1)
		e.keepalive = true
		return len(data) == 0
	case code == dns.EDNS0PADDING && t.encrypted(): // else of no use (RFC 7830 §6)
		e.padding = true
	case code == dns.EDNS0COOKIE && e.cookie == nil:
		e.cookie = data
		server := len(data) - clientCookieLen // RFC 7873 §5.2.2
		return server == 0 || minServerCookie <= server && server <= maxServerCookie
	}
	return true
}
