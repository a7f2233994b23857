package certs

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"log/slog"
	"os"
	"sync/atomic"
	"time"
)

// Options configure a Pair.
type Options struct {
	Cert string // a PEM file: the certificate, and behind it those between it and its root
	Key  string // a PEM file: its private key, not encrypted
	// Logger is told of each certificate that was taken, of files that cannot be used, and
	// of the end of the certificate's life. Nil means slog.Default.
	Logger *slog.Logger
}

// Pair is a certificate with its key. It is safe for concurrent use.
type Pair struct {
	o   Options
	cur atomic.Pointer[tls.Certificate]

	// What follows is for Run alone.
	files files  // those of the certificate
	fault string // of the files at the last look; "" is none
	told  bool   // the fault has been logged
}

// poll is the time between two looks at the files. Links may change above them, of which
// no notification tells.
const poll = 2 * time.Second

// Load reads a pair. Its error says which file cannot be used, and why.
func Load(o Options) (*Pair, error) {
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	p := &Pair{o: o}
	f, err := o.read()
	if err != nil {
		return nil, err
	}
	return p, p.use(f)
}

// Get gives the certificate as it is now, as GetCertificate of tls.Config does.
func (p *Pair) Get(*tls.ClientHelloInfo) (*tls.Certificate, error) { return p.cur.Load(), nil }

// Leaf is the certificate itself, as it is now.
func (p *Pair) Leaf() *x509.Certificate { return p.cur.Load().Leaf }

// Run follows the files until ctx is done, and warns when the certificate is near its end.
func (p *Pair) Run(ctx context.Context) error {
	tick := time.NewTicker(poll)
	defer tick.Stop()
	var warned time.Time
	for {
		p.remind(&warned)
		select {
		case <-tick.C:
			if p.look() {
				warned = time.Time{}
			}
		case <-ctx.Done():
			return nil
		}
	}
}

// look takes a pair that is new, and reports whether there was one. A fault is logged
// when it is there for the second time: the two files are not replaced at once.
func (p *Pair) look() bool {
	f, err := p.o.read()
	if err == nil && f.equal(p.files) {
		p.fault = ""
		return false
	}
	if err == nil {
		err = p.use(f)
	}
	if err == nil {
		p.fault = ""
		p.o.Logger.Info("took a new certificate", "certificate", p.o.Cert, "subject", p.Leaf().Subject, "expires", p.Leaf().NotAfter)
		return true
	}
	if fault := err.Error(); fault != p.fault {
		p.fault, p.told = fault, false
	} else if !p.told {
		p.told = true
		p.o.Logger.Warn("the files of the certificate cannot be used: the one before them stays", "err", err)
	}
	return false
}

// use makes files the certificate.
func (p *Pair) use(f files) error {
	c, err := tls.X509KeyPair(f.cert, f.key)
	if err != nil {
		return fmt.Errorf("use the certificate %q with the key %q: %w", p.o.Cert, p.o.Key, err)
	}
	p.files = f
	p.cur.Store(&c)
	return nil
}

// How the end of a certificate is spoken of: so long before, or the last fifth of its life
// where that is shorter, and again so often.
const (
	soon   = 14 * 24 * time.Hour
	repeat = 24 * time.Hour
)

// remind warns, unless that was done not long ago.
func (p *Pair) remind(warned *time.Time) {
	if now := time.Now(); now.Sub(*warned) >= repeat && p.warn(now) {
		*warned = now
	}
}

// warn reports whether there was something to warn of.
func (p *Pair) warn(now time.Time) bool {
	leaf := p.Leaf()
	left := leaf.NotAfter.Sub(now)
	switch {
	case left <= 0:
		p.o.Logger.Warn("the certificate has expired: clients refuse it", "certificate", p.o.Cert, "expired", leaf.NotAfter)
	case left < min(soon, leaf.NotAfter.Sub(leaf.NotBefore)/5):
		p.o.Logger.Warn("the certificate expires soon: renew it", "certificate", p.o.Cert, "expires", leaf.NotAfter)
	default:
		return false
	}
	return true
}

// files is what is in the two files.
type files struct{ cert, key []byte }

func (f files) equal(o files) bool { return bytes.Equal(f.cert, o.cert) && bytes.Equal(f.key, o.key) }

func (o *Options) read() (f files, err error) {
	if f.cert, err = read(o.Cert); err != nil {
		return f, fmt.Errorf("read the certificate: %w", err)
	}
	if f.key, err = read(o.Key); err != nil {
		return f, fmt.Errorf("read the key: %w", err)
	}
	return f, nil
}

// maxFile bounds a file, in octets: of a chain of certificates each has a few thousand.
const maxFile = 1 << 20

func read(path string) ([]byte, error) {
	if info, err := os.Stat(path); err != nil {
		return nil, err
	} else if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is not a regular file", path) // opening a pipe would wait
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err == nil && len(data) > maxFile {
		err = fmt.Errorf("%s has more than %d KiB", path, maxFile>>10)
	}
	return data, err
}
