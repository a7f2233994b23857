package selfreg

import (
	"bytes"
	"encoding/json"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

// plain is a value as encoding/json gives it, which knows nothing of what is
// repeated: the last counts.
func plain(v any) any {
	switch v := v.(type) {
	case object:
		m := map[string]any{}
		for _, e := range v {
			m[e.key] = plain(e.value)
		}
		return m
	case []any:
		list := []any{}
		for _, e := range v {
			list = append(list, plain(e))
		}
		return list
	}
	return v
}

// What is JSON is read as encoding/json reads it, and nothing else is read.
func FuzzReadJSON(f *testing.F) {
	for _, s := range []string{
		`{"a":[1,-2.5e+7,true,false,null,"x"],"b":{"c":{}},"a":[]}`, ` [ ] `, "\t{ \r\n}", `"a\"b\\"`, `"\u00e9\ud800\n"`, `"é"`, `7`, `null`,
		`{"a,b:c}":"d]e"}`, `[[[["",{"":""}]]]]`, `{"a":1`, `{} {}`, `[1,]`, `"\`, `,`, `{"a":1,}`, `01`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(bytes.TrimSpace(data)) == 0 {
			return
		}
		d := json.NewDecoder(bytes.NewReader(data))
		d.UseNumber()
		var want any
		valid := json.Valid(data) && utf8.Valid(data) && d.Decode(&want) == nil
		got, err := readJSON(data)
		if (err == nil) != valid {
			t.Fatalf("%q: error %v, but valid is %v", data, err, valid)
		}
		if diff := cmp.Diff(want, plain(got)); valid && diff != "" {
			t.Errorf("%q (-want +got):\n%s", data, diff)
		}
	})
}
