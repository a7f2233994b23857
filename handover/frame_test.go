package handover

import (
	"bytes"
	"syscall"
	"testing"
)

// A successor that answers and goes at once has not failed, however late the old one
// is to look: on a busy machine it is late at any point.
func TestSuccessorMayGoAfterItHasReadTheLastFrame(t *testing.T) {
	for _, payload := range [][]byte{nil, []byte("x")} {
		var w goneAfterOneWrite
		if err := writeFrame(&w, frameEnd, payload); err != nil {
			t.Errorf("a frame of %d octets: %v", len(payload), err)
		}
		if k, got, err := readFrame(&w.read); k != frameEnd || !bytes.Equal(got, payload) || err != nil {
			t.Errorf("read %q %q, %v; want %q %q", k, got, err, frameEnd, payload)
		}
	}
}

// goneAfterOneWrite is a connection that the other side closes when it has read.
type goneAfterOneWrite struct {
	read    bytes.Buffer
	written bool
}

func (g *goneAfterOneWrite) Write(b []byte) (int, error) {
	if g.written {
		return 0, syscall.EPIPE
	}
	g.written = true
	return g.read.Write(b)
}
