package selfreg

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"sync"
)

// request is one whose body was read, so that its bounds are those of every path. Its
// memory, the body too, is the handler's until it returns.
type request struct {
	*http.Request
	*memory
	body []byte
}

// memory is what requests need one after the other: many heartbeats at once are no
// garbage then, for which all that lives would be looked at.
type memory struct {
	in    bytes.Buffer
	beats []beat
	ids   [][]byte // of some of them
	keys  []byte   // the text of these
	out   []byte
}

var memories = sync.Pool{New: func() any { return new(memory) }}

// key is the instance that a request is about.
func key(r *request) (service, id string) { return r.PathValue("service"), r.PathValue("id") }

// readBody reads up to most octets, whatever the content type says: what curl sends
// with -d is good enough.
func (m *memory) readBody(r *http.Request, most int64) ([]byte, *problem) {
	if r.ContentLength == 0 {
		return nil, nil
	}
	if r.ContentLength > most {
		return nil, tooLarge(most)
	}
	b := &m.in // not of ContentLength at once: that is only what the client says
	b.Reset()
	_, err := b.ReadFrom(io.LimitReader(r.Body, most+1))
	switch {
	case err != nil:
		return nil, newProblem(http.StatusBadRequest, "the body ended early: "+err.Error())
	case int64(b.Len()) > most:
		return nil, tooLarge(most)
	}
	return b.Bytes(), nil
}

func tooLarge(most int64) *problem {
	return newProblem(http.StatusRequestEntityTooLarge, fmt.Sprintf("the body is larger than %d KiB", most>>10))
}

// senderOf is the address that a request came from. It is not valid when a test
// has made the request up.
func senderOf(r *request) netip.Addr {
	ap, _ := netip.ParseAddrPort(r.RemoteAddr)
	return ap.Addr().Unmap()
}
