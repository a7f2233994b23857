package handover

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"net"
	"os"
	"runtime"
	"strings"
	"syscall"
	"time"
)

// maxFiles is how many open files one message can carry (SCM_MAX_FD of Linux).
const maxFiles = 253

// Offer waits for a successor.
type Offer struct{ l *net.UnixListener }

// Listen offers to hand over on a Unix socket that only this user may use. One that
// was left behind by a process that is gone is replaced. Its error is a path that
// another process has, or at which there is something else.
func Listen(path string) (*Offer, error) {
	if err := clearPath(path); err != nil {
		return nil, fmt.Errorf("listen for a successor on %s: %w", path, err)
	}
	old := syscall.Umask(0o177) // there is no other way to make a socket that was never open to others
	l, err := net.Listen("unix", path)
	syscall.Umask(old)
	if err != nil {
		return nil, fmt.Errorf("listen for a successor: %w", err)
	}
	return &Offer{l.(*net.UnixListener)}, nil
}

// clearPath removes a socket that nobody listens on, and nothing else.
func clearPath(path string) error {
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case info.Mode()&fs.ModeSocket == 0:
		return errors.New("there is a file that is no socket: give the path of one that does not exist")
	}
	c, err := net.Dial("unix", path)
	if err == nil {
		c.Close()
		return errors.New("another server does: give this one a socket of its own, or --replace that one")
	}
	if !errors.Is(err, syscall.ECONNREFUSED) {
		return err
	}
	return os.Remove(path)
}

// Close ends the offer and removes its file. A successor that is prepared makes one of
// its own: so it must be called before Finish.
func (o *Offer) Close() error { return o.l.Close() }

// Accept waits for a successor of the same user.
func (o *Offer) Accept(ctx context.Context) (*Successor, error) {
	defer context.AfterFunc(ctx, func() { o.l.SetDeadline(time.Unix(1, 0)) })()
	for {
		c, err := o.l.AcceptUnix()
		if err != nil {
			if ctx.Err() != nil {
				err = context.Cause(ctx)
			}
			return nil, err
		}
		if err := sameUser(c); err == nil {
			return &Successor{c}, nil
		}
		c.Close()
	}
}

// Successor is the new process, as the old one sees it.
type Successor struct{ c *net.UnixConn }

// Send passes the sockets and the state, and waits until the successor is prepared.
// The files stay those of the caller.
func (s *Successor) Send(ctx context.Context, files []*os.File, state iter.Seq[[]byte]) error {
	defer s.until(ctx)()
	if len(files) > maxFiles {
		return fmt.Errorf("hand over: there are %d sockets, and %d can be passed", len(files), maxFiles)
	}
	err := s.sockets(files)
	if err == nil {
		err = s.state(state)
	}
	if err == nil {
		_, err = expect(s.c, frameTake)
	}
	if err != nil {
		return fmt.Errorf("hand over the state: %w", err)
	}
	return nil
}

func (s *Successor) sockets(files []*os.File) error {
	var fds []int
	var names strings.Builder
	for _, f := range files {
		raw, err := f.SyscallConn() // Fd would make the socket block, for this process too
		if err == nil {
			err = raw.Control(func(fd uintptr) { fds = append(fds, int(fd)) })
		}
		if err != nil {
			return err
		}
		names.WriteString(f.Name() + "\n")
	}
	defer runtime.KeepAlive(files)
	if _, _, err := s.c.WriteMsgUnix([]byte{0}, syscall.UnixRights(fds...), nil); err != nil {
		return err
	}
	return writeFrame(s.c, frameSockets, []byte(names.String()))
}

// Finish passes what has changed since Send, and waits until the successor answers
// questions. The caller has let go of all that only one process may have.
func (s *Successor) Finish(ctx context.Context, state iter.Seq[[]byte]) error {
	defer s.until(ctx)()
	err := s.state(state)
	if err == nil {
		_, err = expect(s.c, frameDone)
	}
	if err != nil {
		return fmt.Errorf("hand over the rest: %w", err)
	}
	return nil
}

// Close gives the successor up.
func (s *Successor) Close() error { return s.c.Close() }

func (s *Successor) state(state iter.Seq[[]byte]) error {
	for piece := range state {
		if err := writeFrame(s.c, frameState, piece); err != nil {
			return err
		}
	}
	return writeFrame(s.c, frameEnd, nil)
}

func (s *Successor) until(ctx context.Context) (stop func() bool) {
	return context.AfterFunc(ctx, func() { s.c.SetDeadline(time.Unix(1, 0)) })
}
