package certs

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"log/slog"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// day is the unit of the lives of certificates.
const day = 24 * time.Hour

// made is a certificate of a name, and its key, as files have them.
type made struct{ cert, key []byte }

func makePair(t *testing.T, name string, from time.Time, life time.Duration) made {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	check(t, err)
	c := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotBefore: from, NotAfter: from.Add(life)}
	der, err := x509.CreateCertificate(rand.Reader, c, c, key.Public(), key)
	check(t, err)
	pkcs, err := x509.MarshalPKCS8PrivateKey(key)
	check(t, err)
	return made{
		pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs}),
	}
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func write(t *testing.T, dir, name string, data []byte) string {
	t.Helper()
	path := filepath.Join(dir, name)
	check(t, os.WriteFile(path, data, 0o600))
	return path
}

// follow loads the pair in a directory and follows it until the test ends, in a bubble
// of its own time.
func follow(t *testing.T, dir string) (p *Pair, log *bytes.Buffer, stop func()) {
	t.Helper()
	log = new(bytes.Buffer)
	p, err := Load(Options{
		Cert: filepath.Join(dir, "cert.pem"), Key: filepath.Join(dir, "key.pem"),
		Logger: slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelInfo})),
	})
	check(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() { _ = p.Run(ctx) })
	synctest.Wait()
	return p, log, func() { cancel(); wg.Wait() }
}

func (p *Pair) name() string {
	c, _ := p.Get(nil)
	return c.Leaf.Subject.CommonName
}

// wait lets the pair look at its files so often.
func wait(looks int) {
	time.Sleep(time.Duration(looks)*poll + poll/2)
	synctest.Wait()
}

// However files are replaced, the new certificate is soon what is given.
func TestNewFilesAreTaken(t *testing.T) {
	for name, replace := range map[string]func(t *testing.T, dir string, m made){
		"written into": func(t *testing.T, dir string, m made) {
			write(t, dir, "cert.pem", m.cert)
			write(t, dir, "key.pem", m.key)
		},
		"the key first": func(t *testing.T, dir string, m made) {
			write(t, dir, "key.pem", m.key)
			wait(1)
			write(t, dir, "cert.pem", m.cert)
		},
		"renamed": func(t *testing.T, dir string, m made) {
			check(t, os.Rename(write(t, dir, "c", m.cert), filepath.Join(dir, "cert.pem")))
			check(t, os.Rename(write(t, dir, "k", m.key), filepath.Join(dir, "key.pem")))
		},
		"away for a while": func(t *testing.T, dir string, m made) {
			check(t, os.Remove(filepath.Join(dir, "cert.pem")))
			wait(1)
			write(t, dir, "key.pem", m.key)
			write(t, dir, "cert.pem", m.cert)
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				dir := t.TempDir()
				first, second := makePair(t, "first", time.Now(), 90*day), makePair(t, "second", time.Now(), 90*day)
				write(t, dir, "cert.pem", first.cert)
				write(t, dir, "key.pem", first.key)
				p, log, stop := follow(t, dir)
				defer stop()
				replace(t, dir, second)
				wait(1)
				if got := p.name(); got != "second" {
					t.Errorf("got %s\n%s", got, log)
				}
				if strings.Contains(log.String(), "WARN") || strings.Count(log.String(), "took a new certificate") != 1 {
					t.Errorf("logged\n%s", log)
				}
			})
		})
	}
}

// Kubernetes puts a link to another directory in the place of one, so that both files
// change at once; their own links stay as they are.
func TestDirectoriesThatAreSwappedAreFollowed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		for _, name := range []string{"first", "second"} {
			at := filepath.Join(dir, name)
			check(t, os.Mkdir(at, 0o700))
			m := makePair(t, name, time.Now(), 90*day)
			write(t, at, "cert.pem", m.cert)
			write(t, at, "key.pem", m.key)
		}
		check(t, os.Symlink("first", filepath.Join(dir, "now")))
		check(t, os.Symlink("now/cert.pem", filepath.Join(dir, "cert.pem")))
		check(t, os.Symlink("now/key.pem", filepath.Join(dir, "key.pem")))
		p, _, stop := follow(t, dir)
		defer stop()
		check(t, os.Symlink("second", filepath.Join(dir, "next")))
		check(t, os.Rename(filepath.Join(dir, "next"), filepath.Join(dir, "now")))
		wait(1)
		if got := p.name(); got != "second" {
			t.Errorf("got %s", got)
		}
	})
}

// A pair that cannot be used is spoken of once, and the one before it stays; as does the
// next that can.
func TestBrokenFilesReplaceNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		first, other := makePair(t, "first", time.Now(), 90*day), makePair(t, "other", time.Now(), 90*day)
		write(t, dir, "cert.pem", first.cert)
		write(t, dir, "key.pem", first.key)
		p, log, stop := follow(t, dir)
		defer stop()
		for i, broken := range []struct {
			data []byte
			says string
		}{
			{other.key, "private key does not match"},
			{[]byte("-----BEGIN"), "failed to find any PEM data in key"},
			{nil, "failed to find any PEM data in key"},
			{make([]byte, maxFile+1), "more than 1024 KiB"},
		} {
			write(t, dir, "key.pem", broken.data)
			wait(5)
			if got := p.name(); got != "first" {
				t.Errorf("fault %d: got %s", i, got)
			}
			if n := strings.Count(log.String(), "WARN"); n != 1 || !strings.Contains(log.String(), broken.says) {
				t.Errorf("fault %d: %d warnings, of which one should say %q\n%s", i, n, broken.says, log)
			}
			log.Reset()
			write(t, dir, "key.pem", first.key)
			wait(1)
		}
		if log.Len() > 0 {
			t.Errorf("logged\n%s", log)
		}
	})
}

func TestFilesThatCannotBeUsedAtTheStart(t *testing.T) {
	dir := t.TempDir()
	a, b := makePair(t, "a", time.Now(), day), makePair(t, "b", time.Now(), day)
	cert, key := write(t, dir, "cert.pem", a.cert), write(t, dir, "key.pem", a.key)
	other, text, missing := write(t, dir, "other.pem", b.key), write(t, dir, "text", []byte("hello")), filepath.Join(dir, "missing")
	for _, tt := range []struct{ cert, key, want string }{
		{cert, key, ""},
		{missing, key, "read the certificate: stat " + missing + ": no such file or directory"},
		{cert, missing, "read the key: stat " + missing + ": no such file or directory"},
		{dir, key, "read the certificate: " + dir + " is not a regular file"},
		{cert, other, "use the certificate \"" + cert + "\" with the key \"" + other + "\": tls: private key does not match public key"},
		{text, key, "use the certificate \"" + text + "\" with the key \"" + key + "\": tls: failed to find any PEM data in certificate input"},
		{key, cert, "use the certificate"},
	} {
		_, err := Load(Options{Cert: tt.cert, Key: tt.key})
		if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.HasPrefix(err.Error(), tt.want)) {
			t.Errorf("%s, %s: got %v\nwant %s", tt.cert, tt.key, err, tt.want)
		}
	}
}

// The end of a certificate is spoken of in time, and once a day.
func TestEndIsSpokenOf(t *testing.T) {
	for _, tt := range []struct {
		name             string
		life             time.Duration
		soon, over, days int
	}{
		{"of 90 days", 90 * day, 14, 3, 93},
		{"of ten years, half over", 3650 * day, 0, 0, 1800},
		{"of a day, of which the last fifth counts", day, 1, 1, 2},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				dir := t.TempDir()
				m := makePair(t, "x", time.Now(), tt.life)
				write(t, dir, "cert.pem", m.cert)
				write(t, dir, "key.pem", m.key)
				p, log, stop := follow(t, dir)
				stop() // looking so often takes long; the end is a matter of the clock alone
				var warned time.Time
				for end := time.Now().Add(time.Duration(tt.days) * day); time.Now().Before(end); time.Sleep(time.Hour) {
					p.remind(&warned)
				}
				soon, over := strings.Count(log.String(), "expires soon"), strings.Count(log.String(), "has expired")
				if soon != tt.soon || over != tt.over {
					t.Errorf("%d times soon and %d times over, want %d and %d\n%s", soon, over, tt.soon, tt.over, log)
				}
			})
		})
	}
}
