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
	if !utf8.Valid(data) {
		return nil, errors.New("must be UTF-8")
	}
	var all json.RawMessage
	if err := json.Unmarshal(data, &all); err != nil {
		var at *json.SyntaxError
		if errors.As(err, &at) {
			return nil, fmt.Errorf("must be one JSON object: %w at octet %d", err, at.Offset)
		}
		return nil, fmt.Errorf("must be one JSON object: %w", err)
	}
	d := json.NewDecoder(bytes.NewReader(all))
	d.UseNumber()
	return readValue(d)
}

// readValue reads the next value. Unmarshal has seen its syntax and its depth.
func readValue(d *json.Decoder) (any, error) {
	t, err := d.Token()
	if err != nil {
		return nil, err
	}
	switch t {
	case json.Delim('['):
		list := []any{}
		for d.More() {
			v, err := readValue(d)
			if err != nil {
				return nil, err
			}
			list = append(list, v)
		}
		_, err = d.Token()
		return list, err
	case json.Delim('{'):
		var o object
		for d.More() {
			key, err := d.Token()
			if err != nil {
				return nil, err
			}
			v, err := readValue(d)
			if err != nil {
				return nil, err
			}
			o = append(o, member{key.(string), v})
		}
		_, err = d.Token()
		return o, err
	}
	return t, nil
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

// object gives each member to its setter. One that is null is as if it were not
// there; one that is repeated, or has no setter, is a fault.
func (f *faults) object(path string, v any, fields map[string]setter) {
	o, ok := v.(object)
	if !ok {
		f.add(path, "must be an object")
		return
	}
	met := map[string]bool{}
	for _, m := range o {
		p := below(path, m.key)
		set, known := fields[m.key]
		switch {
		case met[m.key]:
			f.add(p, "must not be given twice")
		case !known:
			f.add(p, "is not known here")
		case m.value != nil:
			set(p, m.value)
		}
		met[m.key] = true
	}
}

// list gives each element to a setter, unless there are more than most.
func (f *faults) list(path string, v any, of string, most int, set setter) {
	l, ok := v.([]any)
	if !ok || len(l) > most {
		f.add(path, fmt.Sprintf("must be a list of at most %d %s", most, of))
		return
	}
	for i, e := range l {
		set(path+"["+strconv.Itoa(i)+"]", e)
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
