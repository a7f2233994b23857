package plainhttp_test

import (
	"strings"
	"testing"

	"github.com/rollcall-dns/rollcall/plainhttp"
)

// TestStream reads connections part by part; "|" is between these, and what is wanted is
// said of the end of each: "." where all requests are complete.
func TestStream(t *testing.T) {
	get := lines("GET / HTTP/1.1", "Host: r")
	put := lines("PUT / HTTP/1.1", "Host: r", "Content-Length: 4")
	for _, tt := range []struct{ name, parts, want string }{
		{"nothing", "", "."},
		{"requests without a body", get + "|" + get, ".."},
		{"with one", put + "abcd|" + get, ".."},
		{"a body that comes later", put + "|abcd|" + get, "-.."},
		{"in parts", put + "a|bc|d|" + get, "--.."},
		{"one that looks like a request", lines("PUT / HTTP/1.1", "Host: r", "Content-Length: 27") + "|" + get + "|" + get, "-.."},
		{"one octet and the rest", "G|" + get[1:] + "|P|" + put[1:] + "a|bcd|" + get, "-.--.."},
		{"one octet and one more", "G|E|" + get[2:], "---"},
		{"a head in parts", "GET / HTTP/1.1\r\n|" + get, "--"},
		{"more than a request", get + "G|ET / HTTP/1.1\r\n\r\n|" + get, "---"},
		{"two at once", get + get + "|" + get, "--"},
		{"more than a body", put + "abcde|" + get, "--"},
		{"more than a body that comes later", put + "|abcde|" + get, "---"},
		{"a head that is not plain", lines("GET / HTTP/1.0") + "|" + get, "--"},
		{"chunks that end", lines("PUT / HTTP/1.1", "Host: r", "Transfer-Encoding: chunked") + "0\r\n\r\n|" + get, "--"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var s plainhttp.Stream
			var got string
			for p := range strings.SplitSeq(tt.parts, "|") {
				s.Add([]byte(p))
				got += map[bool]string{true: ".", false: "-"}[s.AtEnd()]
			}
			if got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
}
