package resolver

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// certificate makes one for a name and 127.0.0.1, signed by itself.
func certificate(t *testing.T, name string) (cert, key string) {
	t.Helper()
	dir := t.TempDir()
	cert, key = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	out, err := exec.Command("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
		"-subj", "/CN="+name, "-addext", "subjectAltName=DNS:"+name+",IP:127.0.0.1", "-keyout", key, "-out", cert).CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return cert, key
}

// unbound answers over TLS, to those who verify its certificate.
func TestUpstreamOverTLS(t *testing.T) {
	cert, key := certificate(t, "dns.example")
	port := freePorts(t, 1)[0]
	start(t, "unbound", strings.ReplaceAll(unboundConf, "remote-control:", fmt.Sprintf(`  interface: 127.0.0.1@%d
  tls-port: %[1]d
  tls-service-pem: %s
  tls-service-key: %s
remote-control:`, port, cert, key)), "-d", "-c", "DIR/conf")
	t.Setenv("SSL_CERT_FILE", cert)
	at := fmt.Sprintf("tls://127.0.0.1:%d", port)
	const found, failed = "NOERROR ra | www.corp.example. A 192.0.2.80", "SERVFAIL ra ede=23"
	for upstream, want := range map[string]string{at: found, at + "#dns.example": found, at + "#other.example": failed} {
		s := serve(t, "--upstream", upstream)
		expect(t, upstream, ask(t, s.DNS[0], "www.corp.example. A"), want)
		if want == found && metric(t, s, "rollcall_upstream_stream_queries_total") == 0 {
			t.Errorf("%s: asked otherwise", upstream)
		}
	}
	t.Setenv("SSL_CERT_FILE", filepath.Join(t.TempDir(), "none"))
	s := serve(t, "--upstream", at)
	expect(t, "of nobody who is trusted", ask(t, s.DNS[0], "www.corp.example. A"), failed)
}
