package selfreg

import (
	"reflect"
	"strings"
	"testing"
)

func TestPlainBeats(t *testing.T) {
	many := func(n int) string {
		return `{"instances":[` + strings.Repeat(`{"service":"web","id":"1"},`, n-1) + `{"service":"web","id":"1"}]}`
	}
	for _, tt := range []struct {
		name, body string
		plain      bool
	}{
		{"none", `{"instances":[]}`, true},
		{"some", many(2), true},
		{"as many as there may be", many(maxBeats), true},
		{"one more", many(maxBeats + 1), false},
		{"space", " {\r\n\t\"instances\" : [ { \"id\" : \"1\" , \"service\" : \"web\" } , {\"service\":\"a b\",\"id\":\"/\"} ] } \n", true},
		{"an escape", `{"instances":[{"service":"web","id":"\u0031"}]}`, false},
		{"another letter", `{"instances":[{"service":"web","id":"é"}]}`, false},
		{"an octet of control", "{\"instances\":[{\"service\":\"web\",\"id\":\"\t\"}]}", false},
		{"empty", `{"instances":[{"service":"web","id":""}]}`, false},
		{"one field", `{"instances":[{"service":"web"}]}`, false},
		{"the same twice", `{"instances":[{"id":"1","id":"1"}]}`, false},
		{"one more field", `{"instances":[{"service":"web","id":"1","state":"up"}]}`, false},
		{"one more list", `{"instances":[],"instances":[]}`, false},
		{"no comma", `{"instances":[{"service":"web","id":"1"}{"service":"web","id":"1"}]}`, false},
		{"a comma at the end", `{"instances":[{"service":"web","id":"1"},]}`, false},
		{"a comma first", `{"instances":[,{"service":"web","id":"1"}]}`, false},
		{"more behind it", `{"instances":[]}]`, false},
		{"zeroes behind it", "{\"instances\":[]}\x00", false},
		{"cut off", `{"instances":[{"service":"web","id":"1"}]`, false},
		{"nothing", "", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if _, ok := plainBeats([]byte(tt.body), nil); ok != tt.plain {
				t.Errorf("plain %v, want %v", ok, tt.plain)
			}
		})
	}
}

// FuzzPlainBeats: what is plain is right, and the same to both readers.
func FuzzPlainBeats(f *testing.F) {
	f.Add(`{"instances":[{"service":"web","id":"1"},{"id":"2","service":"web"}]}`)
	f.Add(" {\n\"instances\" : [ { \"service\" : \"a\" , \"id\" : \"b\" } ] } ")
	f.Add(`{"instances":[]}`)
	f.Fuzz(func(t *testing.T, body string) {
		got, ok := plainBeats([]byte(body), nil)
		if !ok {
			return
		}
		var wrong faults
		if want := anyBeats([]byte(body), nil, &wrong); len(wrong) > 0 || !reflect.DeepEqual(got, want) {
			t.Errorf("%q is read as %q, and carefully as %q with faults %v", body, got, want, wrong)
		}
	})
}
