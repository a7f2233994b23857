package selfreg

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
)

// The bounds of heartbeats that come together. The longest ID takes 400 octets.
const (
	maxBeats     = 1000
	maxBeatsBody = 512 << 10
)

// beat is one heartbeat of several: two strings as they stand in the request, quoted.
type beat struct{ service, id []byte }

// putHeartbeats renews many leases, each as if it were alone: a status for each, in
// order.
func (a *api) putHeartbeats(w http.ResponseWriter, r *request) *problem {
	var f faults
	r.beats = parseBeats(r.body, r.beats[:0], &f)
	if len(f) > 0 {
		return badRequest(f)
	}
	out, from := append(r.out[:0], `{"instances":[`...), senderOf(r)
	var room [renewedTogether]bool
	for part := range slices.Chunk(r.beats, renewedTogether) {
		renewed := room[:len(part)]
		a.leases.RenewAll(r.idsOf(part), from, renewed)
		for i := range part {
			out = part[i].appendStatus(out, renewed[i])
		}
	}
	if len(r.beats) > 0 {
		out = out[:len(out)-len(",")]
	}
	r.out = append(out, "]}\n"...)
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(len(r.out)))
	w.Write(r.out)
	return nil
}

// renewedTogether is how many leases are renewed between two looks at what was sent: so
// that this, and what is made of it, stays in the processor's first cache.
const renewedTogether = 64

// idsOf gives the IDs of a few heartbeats, until it is called again.
func (m *memory) idsOf(part []beat) [][]byte {
	m.ids, m.keys = m.ids[:0], m.keys[:0]
	for i := range part {
		at := len(m.keys)
		m.keys = appendID(m.keys, unquoted(part[i].service), unquoted(part[i].id))
		m.ids = append(m.ids, m.keys[at:])
	}
	return m.ids
}

// appendStatus appends what is answered to a heartbeat, and a comma.
func (b *beat) appendStatus(out []byte, renewed bool) []byte {
	out = append(out, `{"service":`...)
	out = append(out, b.service...)
	out = append(out, `,"id":`...)
	out = append(out, b.id...)
	if renewed {
		return append(out, `,"status":204},`...)
	}
	return append(out, `,"status":404},`...)
}

// parseBeats reads {"instances": [{"service": "…", "id": "…"}, …]} without making
// values of all of it: many come, and often. They are appended to beats.
func parseBeats(data []byte, beats []beat, f *faults) []beat {
	if all, ok := plainBeats(data, beats); ok {
		return all
	}
	return anyBeats(data, beats, f)
}

// anyBeats reads what is not plain, and says what is wrong.
func anyBeats(data []byte, beats []beat, f *faults) []beat {
	if err := checkJSON(data); err != nil {
		f.add("", err.Error())
		return nil
	}
	r, given := reader{data}, false
	if r.more('{') {
		f.add("", "must be an object")
		return nil
	}
	for r.more('}') {
		key := r.text()
		switch {
		case key != "instances":
			f.add(below("", key), "is not known here")
			r.value()
		case given:
			f.add(key, "must not be given twice")
			r.value()
		default:
			beats, given = r.beats(beats, f), true
		}
	}
	if !given {
		f.add("instances", beatsRule)
	}
	return beats
}

var beatsRule = fmt.Sprintf("must be a list of at most %d objects with service and id", maxBeats)

func (r *reader) beats(beats []beat, f *faults) []beat {
	if r.more('[') {
		r.value()
		f.add("instances", beatsRule)
		return nil
	}
	for r.more(']') {
		b, ok := r.beat()
		if !ok {
			f.add("instances["+strconv.Itoa(len(beats))+"]", "must be an object with service and id, both strings, and nothing else")
		}
		if beats = append(beats, b); len(beats) > maxBeats {
			f.add("instances", beatsRule)
			beats = beats[:0] // go on to the end, without keeping what is too much
		}
	}
	return beats
}

func (r *reader) beat() (b beat, ok bool) {
	if r.more('{') {
		r.value()
		return b, false
	}
	fields := 0
	for ok = true; r.more('}'); fields++ {
		var into *[]byte
		switch string(r.quoted()) { // no copy
		case `"service"`:
			into = &b.service
		case `"id"`:
			into = &b.id
		}
		r.skip()
		if into == nil || r.rest[0] != '"' {
			r.value()
			ok = false
			continue
		}
		*into = r.quoted()
	}
	return b, ok && fields == 2 && len(b.service) > len(`""`) && len(b.id) > len(`""`) // so none came twice
}
