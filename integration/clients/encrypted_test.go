//go:build conformance

package clients

import (
	"path/filepath"
	"testing"
)

// roots are the certificates that programs trust, of which this machine has its own.
const roots = "/etc/ssl/certs/ca-certificates.crt"

// TestClientsOverTLS has other people's resolvers find and follow a service over DNS over
// TLS, configured as docs/encrypted.md shows. The address has no other DNS: who finds
// anything has encrypted.
func TestClientsOverTLS(t *testing.T) {
	cert, key := certificateFor(t, "dns.internal")
	run(t, "mount", "--bind", cert, roots)
	t.Cleanup(func() { run(t, "umount", roots) })
	r := startRegistryAt(t, "--dns", atPort, "--dns-tls", "10.7.0.53:853", "--tls-cert", cert, "--tls-key", key)
	for _, c := range overTLS {
		t.Run(c.name, func(t *testing.T) {
			res := result{client: c}
			res.follow(t, r)
		})
	}
}

// TestClientsOverTLSVerifyTheServer has the same resolvers ask one whose certificate has the
// right name, and is not one that they trust.
func TestClientsOverTLSVerifyTheServer(t *testing.T) {
	trusted, _ := certificateFor(t, "dns.internal")
	run(t, "mount", "--bind", trusted, roots)
	t.Cleanup(func() { run(t, "umount", roots) })
	cert, key := certificateFor(t, "dns.internal")
	r := startRegistryAt(t, "--dns", atPort, "--dns-tls", "10.7.0.53:853", "--tls-cert", cert, "--tls-key", key)
	r.put(t, followed, "one", "up", instances["one"])
	for _, c := range overTLS {
		t.Run(c.name, func(t *testing.T) {
			if got, err := c.start(t)(t.Context(), followed+".svc.internal"); err == nil && len(got) > 0 {
				t.Errorf("it finds %q", got)
			}
		})
	}
}

var overTLS = []client{
	{name: "systemd-resolved", start: func(t *testing.T) look {
		return queries(startResolvedWith(t, documentedIn(t, "encrypted.md", "systemd-resolved", "192.0.2.53", "10.7.0.53")))
	}},
	{name: "unbound", ports: true, start: func(t *testing.T) look {
		return startUnbound(t, documentedIn(t, "encrypted.md", "unbound", "192.0.2.53", "10.7.0.53"))
	}},
}

// certificateFor is a certificate of its own making, for a name.
func certificateFor(t *testing.T, name string) (cert, key string) {
	t.Helper()
	dir := scratch(t)
	cert, key = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	run(t, "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
		"-subj", "/CN="+name, "-addext", "subjectAltName=DNS:"+name, "-keyout", key, "-out", cert)
	return cert, key
}
