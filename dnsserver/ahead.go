package dnsserver

import (
	"fmt"
	"runtime/debug"

	"github.com/rollcall-dns/rollcall/zone"
)

// An Ahead handler can read what answering several questions will read, before they are
// asked: the processor then waits for the memory of all of them at once. That changes no
// answer.
type Ahead interface {
	Handler
	// Ahead is called with the names of some questions, MaxAhead at most, in wire form and
	// not checked otherwise, before Direct or Answer is called for each. It keeps none of
	// them, and may be called from many goroutines.
	Ahead(names [][]byte)
}

// MaxAhead is how many questions are read ahead together.
const MaxAhead = zone.MaxAhead

// ahead has the handler read ahead for the datagrams from one on, MaxAhead or as many as
// there are before the end. For one alone it would only do twice what is done once.
func (u *udpLoop) ahead(from, end int) {
	end = min(from+MaxAhead, end)
	h, ok := u.r.handler.(Ahead)
	if !ok || end-from < 2 {
		return
	}
	defer func() {
		if v := recover(); v != nil { // costs nobody an answer
			u.r.n.panics.Add(1)
			u.server.log.warn(failing, "cannot read ahead", "err", fmt.Errorf("panic: %v\n%s", v, debug.Stack()))
		}
	}()
	names := u.names[:0]
	for i := from; i < end; i++ {
		msg, _, _ := u.batch.datagram(i)
		if end, ok := skipName(msg, headerLen); ok {
			names = append(names, msg[headerLen:end])
		}
	}
	h.Ahead(names)
}
