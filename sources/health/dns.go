package health

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/miekg/dns"

	"github.com/rollcall-dns/rollcall/zone"
)

// tryDNS asks over UDP. Who does not answer counts as not reached: there is no
// connection that could tell the two apart.
func tryDNS(ctx context.Context, c *zone.Check, s *zone.Spot, share time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, share)
	defer cancel()
	conn, err := dialer.DialContext(ctx, "udp", s.Addr.String())
	if err != nil {
		return &unreachable{s, err}
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.SetDeadline(time.Unix(1, 0)) })()
	err = exchange(ctx, c, s, conn)
	if f := new(failure); errors.As(err, &f) {
		return &unreachable{s, f.err}
	}
	return err
}

// exchange asks for a name that has to exist, or for the root, where every answer
// will do but that the server has failed: one that knows nothing of it refuses.
func exchange(ctx context.Context, c *zone.Check, s *zone.Spot, conn net.Conn) error {
	name, qtype := c.Target, dns.TypeA
	if name == "" {
		name, qtype = ".", dns.TypeNS
	}
	q := new(dns.Msg).SetQuestion(dns.Fqdn(name), qtype)
	deadline, _ := ctx.Deadline()
	client := dns.Client{Timeout: time.Until(deadline)}
	reply, _, err := client.ExchangeWithConnContext(ctx, q, &dns.Conn{Conn: conn})
	what := fmt.Sprintf("ask %s for %s %s", s.Addr, dns.Fqdn(name), dns.TypeToString[qtype])
	switch {
	case err != nil:
		return &failure{what, err}
	case reply.Rcode == dns.RcodeSuccess, c.Target == "" && reply.Rcode != dns.RcodeServerFailure:
		return nil
	}
	return fmt.Errorf("%s: %s", what, rcodeOf(reply))
}

func rcodeOf(m *dns.Msg) string {
	if text, ok := dns.RcodeToString[m.Rcode]; ok {
		return text
	}
	return fmt.Sprintf("rcode %d", m.Rcode)
}
