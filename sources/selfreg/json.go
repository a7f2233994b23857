package selfreg

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// object is a JSON object as it was written: in order, with what is repeated. The
// other values are string, json.Number, bool, nil and []any.
type object []member

type member struct {
	key   string
	value any
}

// readJSON reads exactly one value. Nothing at all is an empty object.
func readJSON(data []byte) (any, error) {
	if len(bytes.TrimSpace(data)) == 0 {
		return object{}, nil
	}
	if err := checkJSON(data); err != nil {
		return nil, err
	}
	r := reader{data}
	return r.value(), nil
}

// checkJSON says what keeps data from being one value.
func checkJSON(data []byte) error {
	if !utf8.Valid(data) {
		return errors.New("must be UTF-8")
	}
	if json.Valid(data) {
		return nil
	}
	err := json.Unmarshal(data, new(json.RawMessage)) // it knows where and why
	if at, ok := errors.AsType[*json.SyntaxError](err); ok {
		return fmt.Errorf("must be one JSON object: %w at octet %d", err, at.Offset)
	}
	return fmt.Errorf("must be one JSON object: %w", err)
}

// reader walks through JSON of which Valid has seen the syntax and the depth,
// so that commas and colons are but space between values. A json.Decoder's tokens
// take ten times as long.
type reader struct{ rest []byte }

// more skips space, and the character end if that is next: then there is no more.
func (r *reader) more(end byte) bool {
	r.skip()
	if r.rest[0] != end {
		return true
	}
	r.rest = r.rest[1:]
	return false
}

// skip skips space.
func (r *reader) skip() {
	for strings.IndexByte(" \t\r\n,:", r.rest[0]) >= 0 {
		r.rest = r.rest[1:]
	}
}

func (r *reader) value() any {
	switch {
	case !r.more('{'):
		var o object
		for r.more('}') {
			key := r.text()
			o = append(o, member{key, r.value()})
		}
		return o
	case !r.more('['):
		list := []any{}
		for r.more(']') {
			list = append(list, r.value())
		}
		return list
	case r.rest[0] == '"':
		return r.text()
	}
	return r.literal()
}

// text reads a string.
func (r *reader) text() string { return string(unquoted(r.quoted())) }

// unquoted is what a string says. It is copied only where it has to be.
func unquoted(quoted []byte) []byte {
	if bytes.IndexByte(quoted, '\\') < 0 {
		return quoted[1 : len(quoted)-1]
	}
	var s string
	json.Unmarshal(quoted, &s) // which is known to be a string
	return []byte(s)
}

// quoted reads a string as it is written.
func (r *reader) quoted() []byte {
	end := 1
	for ; r.rest[end] != '"'; end++ {
		if r.rest[end] == '\\' {
			end++
		}
	}
	quoted := r.rest[:end+1]
	r.rest = r.rest[end+1:]
	return quoted
}

// literal reads a number, true, false or null.
func (r *reader) literal() any {
	end := bytes.IndexAny(r.rest, " \t\r\n,]}")
	if end < 0 {
		end = len(r.rest)
	}
	s := string(r.rest[:end])
	r.rest = r.rest[end:]
	switch s {
	case "true", "false":
		return s == "true"
	case "null":
		return nil
	}
	return json.Number(s)
}

// maxFaults bounds what is listed of a body in which everything is wrong.
const maxFaults = 50

// fault is a field that breaks a rule.
type fault struct {
	Field  string `json:"field"`  // e.g. "ports[0].number"; "" is the whole body
	Reason string `json:"reason"` // "must be …"
}

// covers reports whether a field is the one at fault, or is in it.
func (o *fault) covers(field string) bool {
	rest, ok := strings.CutPrefix(field, o.Field)
	return ok && (rest == "" || o.Field == "" || rest[0] == '[' || rest[0] == '.')
}

// faults are those of one request, the first for each field.
type faults []fault

func (f *faults) add(field, reason string) {
	if len(*f) >= maxFaults {
		return
	}
	for _, o := range *f {
		if o.covers(field) {
			return
		}
	}
	*f = append(*f, fault{field, reason})
}

// A setter takes the value of a field, which is not null.
type setter func(path string, v any)

// object gives each member to the setter of its name. One that is null is as if it were
// not there; one that is repeated, or has no setter, is a fault. Setters are made for what
// is there alone: most objects have few of the fields that they may have.
func (f *faults) object(path string, v any, field func(name string) setter) {
	o, ok := v.(object)
	if !ok {
		f.add(path, "must be an object")
		return
	}
	met := make(map[string]bool, 8)
	for _, m := range o {
		set := field(m.key)
		switch {
		case set == nil:
			f.add(below(path, m.key), "is not known here")
			continue
		case met[m.key]:
			f.add(below(path, m.key), "must not be given twice")
		case m.value != nil:
			set(below(path, m.key), m.value)
		}
		met[m.key] = true
	}
}

// list is a setter that gives each element to another, unless there are more than most.
func (f *faults) list(of string, most int, set setter) setter {
	return func(path string, v any) {
		l, ok := v.([]any)
		if !ok || len(l) > most {
			f.add(path, fmt.Sprintf("must be a list of at most %d %s", most, of))
			return
		}
		for i, e := range l {
			set(path+"["+strconv.Itoa(i)+"]", e)
		}
	}
}

// texts is a setter for an element of a list of strings.
func (f *faults) texts(into *[]string) setter {
	return func(path string, v any) {
		var s string
		f.text(&s)(path, v)
		*into = append(*into, s)
	}
}

// text is a setter for a string.
func (f *faults) text(into *string) setter {
	return func(path string, v any) {
		s, ok := v.(string)
		if !ok {
			f.add(path, "must be a string")
		}
		*into = s
	}
}

// number is a setter for a whole number from least to 65535.
func (f *faults) number(into *uint16, least uint64) setter {
	return func(path string, v any) {
		n, _ := v.(json.Number)
		u, err := strconv.ParseUint(n.String(), 10, 16)
		if err != nil || u < least {
			f.add(path, fmt.Sprintf("must be a whole number from %d to 65535", least))
		}
		*into = uint16(u)
	}
}

// below is the path of a member. What clients make up is kept short and quoted.
func below(path, key string) string {
	plain := len(key) > 0 && len(key) <= 40
	for _, c := range []byte(key) {
		plain = plain && ('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '_' || c == '-')
	}
	if !plain {
		if len(key) > 40 {
			key = key[:37] + "..."
		}
		return path + "[" + strconv.QuoteToASCII(key) + "]"
	}
	if path == "" {
		return key
	}
	return path + "." + key
}
