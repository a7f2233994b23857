package lease

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
)

// Record is what a journal keeps of one ID: its data, or with nil Data that there
// is nothing any more.
type Record struct {
	ID   string // 1 to 255 octets
	Data []byte // at most 256 KiB
}

// A record is in a frame: a mark, the length of the payload, the CRC-32C of
// length and payload, and the payload, with integers in little-endian order. The
// mark ends in the version, and holds an octet that UTF-8 text never has, so that
// nothing in the data can pass for a frame when one is looked for behind damage.
const (
	mark       = "\xffrc1"
	headSize   = 12
	maxPayload = 1<<18 + 1<<10
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// The kinds of a payload: its first octet. The length of the ID follows in one
// octet, then the ID, then the data.
const (
	kindPut  = 1
	kindGone = 2
)

var errRecord = errors.New("a record has an ID of 1 to 255 octets and data of at most 256 KiB")

// appendFrame appends a record as it stands in the log.
func appendFrame(b []byte, r Record) ([]byte, error) {
	if r.ID == "" || len(r.ID) > 255 || len(r.Data) > 1<<18 {
		return b, errRecord
	}
	begin := len(b)
	b = append(b, mark...)
	b = binary.LittleEndian.AppendUint32(b, uint32(2+len(r.ID)+len(r.Data)))
	b = append(b, 0, 0, 0, 0)
	kind := byte(kindPut)
	if r.Data == nil {
		kind = kindGone
	}
	b = append(b, kind, byte(len(r.ID)))
	b = append(b, r.ID...)
	b = append(b, r.Data...)
	frame := b[begin:]
	binary.LittleEndian.PutUint32(frame[8:], checksum(frame))
	return b, nil
}

func checksum(frame []byte) uint32 {
	return crc32.Update(crc32.Checksum(frame[4:8], castagnoli), castagnoli, frame[headSize:])
}

// parsePayload reads what appendFrame has written; the data is a copy.
func parsePayload(p []byte) (Record, bool) {
	if len(p) < 3 || p[1] == 0 || len(p) < 2+int(p[1]) {
		return Record{}, false
	}
	id, rest := p[2:2+int(p[1])], p[2+int(p[1]):]
	r := Record{ID: string(id)}
	switch {
	case p[0] == kindPut:
		r.Data = append([]byte{}, rest...)
	case p[0] != kindGone || len(rest) > 0:
		return Record{}, false
	}
	return r, true
}

// damage is a part of the log that holds no record.
type damage struct{ offset, size int64 }

// scan gives the records of a log in order. What is not a record is skipped, and listed
// in damaged, but for a record at the end that was not written whole: end is where that
// begins. An error is one of reading.
func scan(log io.Reader, record func(Record)) (end int64, damaged []damage, err error) {
	r := bufio.NewReaderSize(log, headSize+maxPayload)
	at, torn := int64(0), false
	for {
		frame, short, err := nextFrame(r)
		if at == end {
			torn = short
		}
		if err != nil {
			return end, damaged, err
		}
		if frame != nil {
			if rec, ok := parsePayload(frame[headSize:]); ok {
				if at > end {
					damaged = append(damaged, damage{end, at - end})
				}
				record(rec)
				n, _ := r.Discard(len(frame))
				at += int64(n)
				end = at
				continue
			}
		}
		n, err := skip(r)
		at += n
		if err == io.EOF && !torn && at > end {
			return at, append(damaged, damage{end, at - end}), nil
		}
		if err == io.EOF {
			return end, damaged, nil
		}
		if err != nil {
			return end, damaged, err
		}
	}
}

// nextFrame looks whether a whole frame comes next, and leaves it in the reader.
// Nil means that something else comes, or nothing; short that it may be the beginning
// of a frame whose rest is not there.
func nextFrame(r *bufio.Reader) (frame []byte, short bool, err error) {
	head, err := r.Peek(headSize)
	if err != nil {
		n := min(len(head), len(mark))
		return nil, string(head[:n]) == mark[:n], unlessEOF(err)
	}
	size := binary.LittleEndian.Uint32(head[4:])
	if string(head[:4]) != mark || size > maxPayload {
		return nil, false, nil
	}
	sum := binary.LittleEndian.Uint32(head[8:])
	frame, err = r.Peek(headSize + int(size))
	switch {
	case err != nil:
		return nil, true, unlessEOF(err)
	case checksum(frame) != sum:
		return nil, false, nil
	}
	return frame, false, nil
}

// skip goes on to the next mark, by one octet at least.
func skip(r *bufio.Reader) (n int64, err error) {
	if _, err := r.Discard(1); err != nil {
		return 0, err
	}
	n = 1
	for {
		window, err := r.Peek(min(max(r.Buffered(), len(mark)), 64<<10))
		if i := bytes.Index(window, []byte(mark)); i >= 0 {
			d, _ := r.Discard(i)
			return n + int64(d), nil
		}
		gone := len(window)
		if err == nil {
			gone -= len(mark) - 1 // a mark may begin at the end
		}
		d, _ := r.Discard(gone)
		n += int64(d)
		if err != nil {
			return n, err
		}
	}
}

func unlessEOF(err error) error {
	if err == io.EOF {
		return nil
	}
	return err
}
