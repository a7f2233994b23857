package upstream

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"maps"
	"sync"
	"time"

	"github.com/miekg/dns"
)

// Options of a Client. The zero value is good.
type Options struct {
	// Timeout is for each attempt: one over UDP, one over TCP. Zero means 2 s.
	Timeout time.Duration
	// IdleTimeout is how long a TCP or TLS connection without a query stays open, and not
	// less than Timeout. Zero means 10 s.
	IdleTimeout time.Duration
	// MaxConns is how many TCP or TLS connections one server gets, each with up to 64
	// queries under way. Queries that lose theirs get up to 64 more for the while. Zero
	// means 4.
	MaxConns int
	// RootCAs are whom certificates must come from. Nil means those of the system.
	RootCAs *x509.CertPool
}

// Why a server gave no answer. Exchange wraps these, and errors of the system.
var (
	// ErrTimeout: the server did not answer within Options.Timeout.
	ErrTimeout = errors.New("no answer in time")
	// ErrBusy: as many queries are under way as the server's connections take.
	ErrBusy = errors.New("too many queries are under way")
	// ErrMismatch: a reply over TCP that belongs to another question.
	ErrMismatch = errors.New("the reply is to another question")
	// ErrClosed: the Client has been closed.
	ErrClosed = errors.New("closed")

	errTruncated = errors.New("the reply is truncated")
)

// Client asks name servers, and keeps what it learns about each: connections, and what
// it does not understand. It has one goroutine for each TCP or TLS connection, and none
// else. Its methods may be called from many goroutines.
type Client struct {
	o      Options
	tls    *tls.Config
	ctx    context.Context // done when the client is closed
	cancel context.CancelFunc
	wg     sync.WaitGroup // of connections

	mu      sync.RWMutex // guards the following
	servers map[Addr]*server
}

// New returns a client, to be closed after use.
func New(o Options) *Client {
	if o.Timeout <= 0 {
		o.Timeout = 2 * time.Second
	}
	if o.IdleTimeout <= 0 {
		o.IdleTimeout = 10 * time.Second
	}
	o.IdleTimeout = max(o.IdleTimeout, o.Timeout)
	if o.MaxConns <= 0 {
		o.MaxConns = 4
	}
	c := &Client{o: o, servers: map[Addr]*server{}}
	c.ctx, c.cancel = context.WithCancel(context.Background())
	c.tls = &tls.Config{
		MinVersion:         tls.VersionTLS12,
		RootCAs:            o.RootCAs,
		ClientSessionCache: tls.NewLRUClientSessionCache(0),
	}
	return c
}

// Close ends all connections and what is asked over them, and waits for them.
func (c *Client) Close() error {
	c.mu.Lock()
	c.cancel() // within the lock: no connection is started behind it
	c.mu.Unlock()
	c.wg.Wait()
	return nil
}

// Exchange asks one server the question of query, of which RD, CD and DO are passed on,
// over TLS also AD, and nothing else. What it returns is a reply to query with the records
// that belong to it: the rcode may be any, AA and TC are clear, AD is over all but TLS, and
// of EDNS there is the first extended error (RFC 8914), without its text. The asker may
// change it.
//
// An error means that the server gave no answer that could be believed. When ctx is
// done before, the error is its cause.
func (c *Client) Exchange(ctx context.Context, a Addr, query *dns.Msg) (*dns.Msg, error) {
	q, err := newQuery(query)
	if err != nil {
		return nil, err
	}
	defer q.free()
	m, err := c.server(a).exchange(ctx, q)
	if err != nil {
		asked := query.Question[0]
		return nil, fmt.Errorf("ask %s for %s %s: %w", a, asked.Name, dns.Type(asked.Qtype), err)
	}
	return m, nil
}

func (c *Client) server(a Addr) *server {
	c.mu.RLock()
	s := c.servers[a]
	c.mu.RUnlock()
	if s != nil {
		return s
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if s = c.servers[a]; s == nil {
		s = newServer(c, a)
		c.servers[a] = s
	}
	return s
}

// Stats is what was seen of each server that was ever asked.
func (c *Client) Stats() map[Addr]Stats {
	c.mu.RLock()
	servers := maps.Clone(c.servers)
	c.mu.RUnlock()
	all := make(map[Addr]Stats, len(servers))
	for a, s := range servers {
		all[a] = s.n.stats()
	}
	return all
}
