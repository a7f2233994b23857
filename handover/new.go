package handover

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"syscall"
	"time"
)

// ErrNone is that there is nobody to take over from.
var ErrNone = errors.New("no server waits for a successor")

// Predecessor is the old process, as the new one sees it.
type Predecessor struct {
	c     *net.UnixConn
	files []*os.File
}

// Connect finds the server that offers to hand over on a Unix socket, and takes its
// sockets. The error wraps ErrNone when there is none.
func Connect(ctx context.Context, path string) (*Predecessor, error) {
	var d net.Dialer
	c, err := d.DialContext(ctx, "unix", path)
	switch {
	case errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ECONNREFUSED):
		return nil, fmt.Errorf("take over at %s: %w", path, ErrNone)
	case err != nil:
		return nil, fmt.Errorf("take over: %w", err)
	}
	p := &Predecessor{c: c.(*net.UnixConn)}
	defer p.until(ctx)()
	if err = sameUser(p.c); err == nil {
		err = p.receive()
	}
	if err != nil {
		p.Close()
		return nil, fmt.Errorf("take over at %s: %w", path, err)
	}
	return p, nil
}

func (p *Predecessor) receive() error {
	octet, oob := make([]byte, 1), make([]byte, syscall.CmsgSpace(4*maxFiles))
	_, n, flags, _, err := p.c.ReadMsgUnix(octet, oob)
	if err != nil {
		return err
	}
	messages, err := syscall.ParseSocketControlMessage(oob[:n])
	if err != nil || flags&syscall.MSG_CTRUNC != 0 {
		return errors.New("the sockets did not come through")
	}
	for i := range messages {
		fds, err := syscall.ParseUnixRights(&messages[i])
		if err != nil {
			return err
		}
		for _, fd := range fds {
			syscall.CloseOnExec(fd)
			p.files = append(p.files, os.NewFile(uintptr(fd), ""))
		}
	}
	payload, err := expect(p.c, frameSockets)
	if err != nil {
		return err
	}
	if n := bytes.Count(payload, []byte("\n")); n != len(p.files) {
		return fmt.Errorf("of %d sockets %d came through", n, len(p.files))
	}
	return nil
}

// Files gives the sockets, which are the caller's from then on.
func (p *Predecessor) Files() []*os.File {
	files := p.files
	p.files = nil
	return files
}

// State reads the state, piece by piece. It is called once, before Take.
func (p *Predecessor) State(ctx context.Context, each func([]byte) error) error {
	defer p.until(ctx)()
	if err := pieces(p.c, each); err != nil {
		return fmt.Errorf("take over the state: %w", err)
	}
	return nil
}

// Take asks the old process to let go of all that only one may have, waits until it
// has, and reads what has changed since State.
func (p *Predecessor) Take(ctx context.Context, each func([]byte) error) error {
	defer p.until(ctx)()
	err := writeFrame(p.c, frameTake, nil)
	if err == nil {
		err = pieces(p.c, each)
	}
	if err != nil {
		return fmt.Errorf("take over the rest: %w", err)
	}
	return nil
}

// Done tells the old process that this one answers, so that it ends.
func (p *Predecessor) Done() error {
	if err := writeFrame(p.c, frameDone, nil); err != nil {
		return fmt.Errorf("tell the old server that this one answers: %w", err)
	}
	return nil
}

// Close ends the connection, and closes the sockets that nobody has taken. Before
// Take the old process goes on as if nothing had been.
func (p *Predecessor) Close() error {
	for _, f := range p.Files() {
		f.Close()
	}
	return p.c.Close()
}

func (p *Predecessor) until(ctx context.Context) (stop func() bool) {
	return context.AfterFunc(ctx, func() { p.c.SetDeadline(time.Unix(1, 0)) })
}
