package selfreg_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/rollcall-dns/rollcall/admin"
)

// TestDocumentationIsTrue makes the requests of docs/http-api.md, in order, and
// compares the answers with those that stand below them.
func TestDocumentationIsTrue(t *testing.T) {
	text, err := os.ReadFile("../../docs/http-api.md")
	if err != nil {
		t.Fatal(err)
	}
	w := newWorld(t, setup{adv: []netip.Addr{netip.MustParseAddr("192.0.2.10")}, domain: "svc.internal"})
	server := httptest.NewServer(admin.Handler(admin.Options{
		Zone: w.zone, Clock: w.now, NameServer: []netip.Addr{netip.MustParseAddr("127.0.0.1")},
	}, w.h))
	defer server.Close()
	examples := regexp.MustCompile("(?s)```sh\n(.*?)```\n\n```text\n(.*?)```").FindAllStringSubmatch(string(text), -1)
	if len(examples) < 8 || len(examples) != strings.Count(string(text), "```sh\n") {
		t.Fatalf("%d examples with an answer, of %d", len(examples), strings.Count(string(text), "```sh\n"))
	}
	for _, e := range examples {
		var got strings.Builder
		for _, command := range strings.Split(strings.ReplaceAll(e[1], "\ncurl ", "\n\x00curl "), "\x00") {
			got.WriteString(curl(t, server.URL, strings.TrimSpace(command)))
		}
		parts := strings.Split(strings.TrimSpace(e[2]), "…")
		for i := range parts {
			parts[i] = regexp.QuoteMeta(parts[i])
		}
		if want := "^" + strings.Join(parts, "(?s:.*?)") + "$"; !regexp.MustCompile(want).MatchString(strings.TrimSpace(got.String())) {
			t.Errorf("%s\nis answered\n%s\nbut the document shows\n%s", e[1], got.String(), e[2])
		}
	}
}

// curl does what the command of that name does with the few options that the
// document uses.
func curl(t *testing.T, base, command string) string {
	t.Helper()
	words := regexp.MustCompile(`'[^']*'|\S+`).FindAllString(command, -1)
	method, body, url, format := http.MethodGet, "", "", ""
	withHeader, discard := false, false
	for i := 1; i < len(words); i++ {
		next := func() string { i++; return strings.Trim(words[i], "'") }
		switch words[i] {
		case "-sS":
		case "-i":
			withHeader = true
		case "-X":
			method = next()
		case "-d":
			body = next()
		case "-o":
			next()
			discard = true
		case "-w":
			format = next()
		default:
			url = strings.Replace(strings.Trim(words[i], "'"), "http://127.0.0.1:8054", base, 1)
		}
	}
	if words[0] != "curl" || !strings.HasPrefix(url, base) {
		t.Fatalf("command %q is not understood", command)
	}
	req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{DisableKeepAlives: true}
	resp, err := transport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	if format != "" {
		return strings.NewReplacer("%{http_code}", fmt.Sprint(resp.StatusCode), `\n`, "\n").Replace(format)
	}
	var out bytes.Buffer
	if withHeader {
		fmt.Fprintf(&out, "HTTP/1.1 %s\n", resp.Status)
		var lines []string
		for k, v := range resp.Header {
			if k != "Date" && k != "Content-Length" { // the server adds these behind the others
				lines = append(lines, k+": "+v[0])
			}
		}
		slices.Sort(lines)
		lines = append(lines, "Date: "+resp.Header.Get("Date"))
		fmt.Fprintf(&out, "%s\n\n", strings.Join(lines, "\n"))
	}
	if !discard {
		out.Write(data)
	}
	return out.String()
}
