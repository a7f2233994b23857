package handover

import (
	"encoding/binary"
	"fmt"
	"io"
)

// kind is what a frame says.
type kind byte

const (
	frameSockets kind = 's' // comes with open files; the payload names them, which makes versions tell each other apart
	frameState   kind = 'd' // one piece of the state
	frameEnd     kind = 'e' // there is no more of it
	frameTake    kind = 't' // the new one is prepared
	frameDone    kind = 'o' // the new one answers
)

// maxFrame bounds a payload. Both sides are the same program; it keeps a stranger's
// octets from being taken for a length.
const maxFrame = 16 << 20

// A frame is its kind, the length of its payload in four octets, and the payload. It
// is written at once: whoever has read the last one may be gone before another write,
// even one of nothing.
func writeFrame(w io.Writer, k kind, payload []byte) error {
	if len(payload) > maxFrame {
		return fmt.Errorf("a piece of the state has %d octets, and may have %d", len(payload), maxFrame)
	}
	head := binary.BigEndian.AppendUint32([]byte{byte(k)}, uint32(len(payload)))
	_, err := w.Write(append(head, payload...))
	return err
}

func readFrame(r io.Reader) (kind, []byte, error) {
	var head [5]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return 0, nil, err
	}
	n := binary.BigEndian.Uint32(head[1:])
	if n > maxFrame {
		return 0, nil, fmt.Errorf("the other side speaks otherwise: %q", head)
	}
	payload := make([]byte, n)
	_, err := io.ReadFull(r, payload)
	return kind(head[0]), payload, err
}

// expect reads a frame of one kind.
func expect(r io.Reader, want kind) ([]byte, error) {
	k, payload, err := readFrame(r)
	if err == nil && k != want {
		err = fmt.Errorf("the other side says %q where %q was expected", k, want)
	}
	return payload, err
}

// pieces reads pieces of the state up to their end.
func pieces(r io.Reader, each func([]byte) error) error {
	for {
		k, payload, err := readFrame(r)
		switch {
		case err != nil:
			return err
		case k == frameEnd:
			return nil
		case k != frameState:
			return fmt.Errorf("the other side says %q in its state", k)
		}
		if err := each(payload); err != nil {
			return err
		}
	}
}
