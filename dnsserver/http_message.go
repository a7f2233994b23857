package dnsserver

import (
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"

	"github.com/miekg/dns"
)

// badRequest is what is wrong with a request that has no message for us.
type badRequest struct {
	status int
	why    string
}

func (b *badRequest) Error() string { return fmt.Sprintf("%s (status %d)", b.why, b.status) }

func (b *badRequest) write(w http.ResponseWriter) {
	if b.status == http.StatusMethodNotAllowed {
		w.Header().Set("Allow", "GET, HEAD, POST")
	}
	http.Error(w, b.why, b.status)
}

// What is wrong with requests.
var (
	errPath      = &badRequest{http.StatusNotFound, "DNS over HTTPS is at " + HTTPSPath}
	errMethod    = &badRequest{http.StatusMethodNotAllowed, "use GET or POST"}
	errType      = &badRequest{http.StatusUnsupportedMediaType, "send a DNS message as " + dnsMessage}
	errTooLong   = &badRequest{http.StatusRequestEntityTooLarge, "the DNS message is too long"}
	errLongURI   = &badRequest{http.StatusRequestURITooLong, "the DNS message is too long"}
	errBody      = &badRequest{http.StatusBadRequest, "the body did not come"}
	errParameter = &badRequest{http.StatusBadRequest, "give a DNS message in base64url without padding: ?dns=…"}
	errNoMessage = &badRequest{http.StatusBadRequest, "this is no DNS query"}
)

// messageOf takes the query out of a request (RFC 8484 §4.1). Its error is a *badRequest.
func messageOf(w http.ResponseWriter, req *http.Request) ([]byte, error) {
	if req.URL.Path != HTTPSPath {
		return nil, errPath
	}
	switch req.Method {
	case http.MethodGet, http.MethodHead:
		return parameter(req)
	case http.MethodPost:
		return body(w, req)
	}
	return nil, errMethod
}

func parameter(req *http.Request) ([]byte, error) {
	text := req.URL.Query().Get("dns")
	if len(text) > base64.RawURLEncoding.EncodedLen(maxMessage) {
		return nil, errLongURI
	}
	msg, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil || len(msg) == 0 {
		return nil, errParameter
	}
	return msg, nil
}

func body(w http.ResponseWriter, req *http.Request) ([]byte, error) {
	if t, _, err := mime.ParseMediaType(req.Header.Get("Content-Type")); err != nil || t != dnsMessage {
		return nil, errType
	}
	if req.ContentLength > maxMessage {
		return nil, errTooLong
	}
	msg, err := io.ReadAll(http.MaxBytesReader(w, req.Body, maxMessage))
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return nil, errTooLong
	}
	if err != nil {
		return nil, errBody
	}
	return msg, nil
}

// cacheControl says for how long a reply may be kept: no longer than any record of the
// answer, or the denial (RFC 8484 §5.1, RFC 2308 §5), by nobody but the asker, who may
// get another answer than others, and failures by none.
func cacheControl(reply []byte) string {
	ttl, ok := lifetime(reply)
	if !ok {
		return "no-store"
	}
	return fmt.Sprintf("private, max-age=%d", ttl)
}

// lifetime is the smallest TTL of what a reply of ours answers or denies, in seconds.
func lifetime(reply []byte) (ttl uint32, ok bool) {
	head := binary.BigEndian.Uint16(reply[2:])
	if rcode := head & bitsRcode; head&bitTC != 0 || rcode != dns.RcodeSuccess && rcode != dns.RcodeNameError {
		return 0, false
	}
	off := headerLen
	if reply[5] > 0 {
		off += nameLen(reply[off:]) + 4
	}
	answers := int(binary.BigEndian.Uint16(reply[6:]))
	records := answers + int(binary.BigEndian.Uint16(reply[8:]))
	for i := range records {
		off, _ = skipName(reply, off)
		typ, t := binary.BigEndian.Uint16(reply[off:]), binary.BigEndian.Uint32(reply[off+4:])
		off += 10 + int(binary.BigEndian.Uint16(reply[off+8:]))
		switch {
		case typ == dns.TypeSOA && i >= answers:
			t = min(t, binary.BigEndian.Uint32(reply[off-4:]))
		case i >= answers:
			continue
		}
		if !ok || t < ttl {
			ttl, ok = t, true
		}
	}
	return ttl, ok
}
