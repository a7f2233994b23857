package install

import (
	"encoding/json"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestEngineDNSKeepsTheFormOfTheFile(t *testing.T) {
	tests := []struct{ name, text, want string }{
		{"nothing", "", "{\n  \"dns\": [\"10.0.0.2\"]\n}\n"},
		{"blanks", " \n", "{\n  \"dns\": [\"10.0.0.2\"]\n}\n"},
		{"an empty object", "{}\n", "{\n  \"dns\": [\"10.0.0.2\"]\n}\n"},
		{"one line", `{"a":1}`, `{"a":1,"dns":["10.0.0.2"]}`},
		{"one line with blanks", `{ "a": 1 }`, `{ "a": 1, "dns": ["10.0.0.2"] }`},
		{"two blanks", "{\n  \"a\": 1,\n  \"b\": {\n    \"dns\": 2\n  }\n}\n", "{\n  \"a\": 1,\n  \"b\": {\n    \"dns\": 2\n  },\n  \"dns\": [\"10.0.0.2\"]\n}\n"},
		{"tabs", "{\n\t\"a\": [\n\t]\n}", "{\n\t\"a\": [\n\t],\n\t\"dns\": [\"10.0.0.2\"]\n}"},
		{"lines end as in DOS", "{\r\n  \"a\": 1\r\n}\r\n", "{\r\n  \"a\": 1,\r\n  \"dns\": [\"10.0.0.2\"]\r\n}\r\n"},
		{"dns between others", "{\n  \"a\": 1.50,\n  \"dns\" : [\n    \"192.0.2.1\"\n  ] ,\n  \"b\": \"\\u0041\"\n}", "{\n  \"a\": 1.50,\n  \"dns\" : [\"10.0.0.2\"] ,\n  \"b\": \"\\u0041\"\n}"},
		{"dns is null", `{"dns":null}`, `{"dns":["10.0.0.2"]}`},
		{"dns is that already", "{ \"dns\": [ \"10.0.0.2\" ] }", "{ \"dns\": [ \"10.0.0.2\" ] }"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, _, err := setEngineDNS([]byte(tt.text), netip.MustParseAddr("10.0.0.2"))
			must(t, err)
			if string(got) != tt.want {
				t.Errorf("got\n%s\nwant\n%s", got, tt.want)
			}
		})
	}
}

// Whatever the file holds, an edit changes dns alone, octet for octet, or is refused.
func FuzzEngineDNS(f *testing.F) {
	for _, seed := range []string{"", "{}", "\u3000", `{"dns":["192.0.2.1"],"a":1e3}`, "{\n\t\"a\": {\"dns\": 1},\n\t\"b\": [1, 2 ]\n}\n", `{"a":"\"{,","dn\u0073":[]}`, `{"a" : -0 , "b":null}`} {
		f.Add([]byte(seed))
	}
	server := netip.MustParseAddr("10.0.0.2")
	f.Fuzz(func(t *testing.T, text []byte) {
		out, before, err := setEngineDNS(slices.Clone(text), server)
		if err != nil {
			return
		}
		want, got := objectOf(t, text), objectOf(t, out)
		if dns := got["dns"]; !isServer(dns, server) {
			t.Errorf("dns is %s in\n%s", dns, out)
		}
		delete(want, "dns")
		delete(got, "dns")
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("it changed more (-before +after):\n%s", diff)
		}
		again, none, err := setEngineDNS(out, server)
		if err != nil || string(again) != string(out) || none != nil {
			t.Errorf("a second edit gives %q, %q, %v; before was %q", again, none, err, before)
		}
	})
}

func objectOf(t *testing.T, text []byte) map[string]json.RawMessage {
	t.Helper()
	o := map[string]json.RawMessage{}
	if len(slices.DeleteFunc(slices.Clone(text), func(b byte) bool { return strings.ContainsRune(" \t\r\n", rune(b)) })) == 0 {
		return o
	}
	if err := json.Unmarshal(text, &o); err != nil {
		t.Fatalf("%v:\n%s", err, text)
	}
	return o
}

func isServer(raw json.RawMessage, server netip.Addr) bool {
	var list []string
	return json.Unmarshal(raw, &list) == nil && len(list) == 1 && list[0] == server.String()
}
