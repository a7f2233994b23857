package main

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/miekg/dns"
	"github.com/urfave/cli/v2"
)

const lookupHelp = `Asks a DNS server for a name, and prints the answer as a table. TYPE is SRV
unless given; an IP address instead of a name is looked up in reverse. A name
without dots is one of the domain.

The exit code is 0 when there are records, 1 when there are none, and 2 when no
answer could be had.`

func lookupCommand(p *process) *cli.Command {
	server := &cli.StringFlag{
		Name: "server", Usage: "`ADDR:PORT` of the server to ask [$ROLLCALL_SERVER]", DefaultText: "127.0.0.1:8053",
	}
	return &cli.Command{
		Name:        "lookup",
		Usage:       "ask a DNS server and print the answer as a table",
		ArgsUsage:   "NAME [TYPE]",
		Description: lookupHelp,
		Flags:       append([]cli.Flag{server}, serveSettings.flags("domain")...),
		Action: func(c *cli.Context) error {
			cfg, err := serveSettings.load(c, p, "domain")
			if err != nil {
				return &exitError{exitUsage, err}
			}
			q, err := questionOf(c.Args().Slice(), cfg.Domains[0].String())
			if err != nil {
				return &exitError{exitUsage, err}
			}
			return lookup(p.stdout, serverOf(c, p), cfg.Domains[0].String(), q)
		},
	}
}

// serverOf is the address to ask; without a port it is that of DNS.
func serverOf(c *cli.Context, p *process) string {
	server := c.String("server")
	if server == "" {
		server, _ = p.lookup(serveSettings.env("server"))
	}
	if server == "" {
		return "127.0.0.1:8053"
	}
	if a, err := netip.ParseAddr(server); err == nil {
		return netip.AddrPortFrom(a, 53).String()
	}
	if _, _, err := net.SplitHostPort(server); err != nil {
		return net.JoinHostPort(server, "53")
	}
	return server
}

// questionOf reads NAME [TYPE].
func questionOf(args []string, domain string) (q dns.Question, err error) {
	if len(args) < 1 || len(args) > 2 {
		return q, errors.New("lookup takes a NAME and perhaps a TYPE: see rollcall lookup --help")
	}
	q = dns.Question{Name: dns.Fqdn(args[0]), Qtype: dns.TypeSRV, Qclass: dns.ClassINET}
	if reverse, err := dns.ReverseAddr(args[0]); err == nil {
		q.Name, q.Qtype = reverse, dns.TypePTR
	} else if dns.CountLabel(q.Name) == 1 && !dns.IsFqdn(args[0]) {
		q.Name += domain
	}
	if _, ok := dns.IsDomainName(q.Name); !ok {
		return q, fmt.Errorf("%q is no domain name", args[0])
	}
	if len(args) == 2 {
		t, ok := dns.StringToType[strings.ToUpper(args[1])]
		if !ok {
			return q, fmt.Errorf("%q is no type of records such as SRV, A, AAAA, TXT or PTR", args[1])
		}
		q.Qtype = t
	}
	return q, nil
}

// lookup asks and prints. Its errors carry the exit code.
func lookup(w io.Writer, server, domain string, q dns.Question) error {
	name, typ := strings.TrimSuffix(q.Name, "."), dns.TypeToString[q.Qtype]
	reply, err := ask(server, q)
	if err != nil {
		return &exitError{exitUsage, fmt.Errorf("ask %s for %s %s: %w%s", server, name, typ, err, nobodyThere(err, "server"))}
	}
	switch {
	case reply.Rcode == dns.RcodeNameError:
		return &exitError{exitFailure, fmt.Errorf("%s: there is no such name, says %s%s", name, server, inDomain(name, domain))}
	case reply.Rcode != dns.RcodeSuccess:
		return &exitError{exitUsage, fmt.Errorf("ask %s for %s %s: answered %s%s",
			server, name, typ, dns.RcodeToString[reply.Rcode], extendedError(reply))}
	case len(reply.Answer) == 0:
		return &exitError{exitFailure, fmt.Errorf("%s: has no %s record now, says %s", name, typ, server)}
	}
	if alias := danglingAlias(reply, q.Qtype); alias != "" {
		return &exitError{exitFailure, fmt.Errorf("%s: is an alias of %s, of which %s has no %s record", name, alias, server, typ)}
	}
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	if q.Qtype == dns.TypeSRV {
		printServices(tw, server, reply)
	} else {
		printRecords(tw, reply)
	}
	return tw.Flush()
}

// inDomain says what a service is called when the domain was not asked for: that is easily
// forgotten where the service has two labels.
func inDomain(name, domain string) string {
	if dns.IsSubDomain(domain, dns.Fqdn(name)) || dns.IsSubDomain("arpa.", dns.Fqdn(name)) {
		return ""
	}
	return fmt.Sprintf("; a service is called %s.%s", name, strings.TrimSuffix(domain, "."))
}

// danglingAlias is the name that an answer ends in which has aliases alone.
func danglingAlias(m *dns.Msg, asked uint16) (target string) {
	for _, rr := range m.Answer {
		alias, ok := rr.(*dns.CNAME)
		if !ok || asked == dns.TypeCNAME || asked == dns.TypeANY {
			return ""
		}
		target = strings.TrimSuffix(alias.Target, ".")
	}
	return target
}

// ask sends one question over UDP, and over TCP when the answer was cut.
func ask(server string, q dns.Question) (*dns.Msg, error) {
	m := new(dns.Msg)
	m.Id = dns.Id()
	m.RecursionDesired = true
	m.Question = []dns.Question{q}
	m.SetEdns0(1232, false)
	client := dns.Client{Timeout: 2 * time.Second, UDPSize: 1232}
	reply, _, err := client.Exchange(m, server)
	if err == nil && reply.Truncated {
		client.Net = "tcp"
		reply, _, err = client.Exchange(m, server)
	}
	return reply, err
}

// extendedError is the server's own word on a failure (RFC 8914), if it gave one.
func extendedError(m *dns.Msg) string {
	var b strings.Builder
	if opt := m.IsEdns0(); opt != nil {
		for _, o := range opt.Option {
			if e, ok := o.(*dns.EDNS0_EDE); ok {
				fmt.Fprintf(&b, ": %s %s", dns.ExtendedErrorCodeToString[e.InfoCode], e.ExtraText)
			}
		}
	}
	return strings.TrimRight(b.String(), " ")
}

// printServices prints SRV records, one line for each address of a target.
func printServices(w io.Writer, server string, m *dns.Msg) {
	fmt.Fprintln(w, "TARGET\tADDRESS\tPORT\tPRIORITY\tWEIGHT\tTTL")
	for _, rr := range m.Answer {
		srv, ok := rr.(*dns.SRV)
		if !ok {
			continue
		}
		for _, addr := range addressesOf(srv.Target, server, m) {
			fmt.Fprintf(w, "%s\t%s\t%d\t%d\t%d\t%d\n", strings.TrimSuffix(srv.Target, "."),
				addr, srv.Port, srv.Priority, srv.Weight, srv.Hdr.Ttl)
		}
	}
}

// addressesOf finds the addresses of a target in the message, or else asks for
// them. It never returns none: "-" stands for an unknown address.
func addressesOf(target, server string, m *dns.Msg) []string {
	addrs := addressesIn(target, m.Extra)
	for _, t := range []uint16{dns.TypeA, dns.TypeAAAA} {
		if len(addrs) > 0 {
			break
		}
		if reply, err := ask(server, dns.Question{Name: target, Qtype: t, Qclass: dns.ClassINET}); err == nil {
			addrs = addressesIn(target, reply.Answer)
		}
	}
	if len(addrs) == 0 {
		return []string{"-"}
	}
	return addrs
}

func addressesIn(name string, rrs []dns.RR) (addrs []string) {
	for _, rr := range rrs {
		if !strings.EqualFold(rr.Header().Name, name) {
			continue
		}
		switch rr := rr.(type) {
		case *dns.A:
			addrs = append(addrs, rr.A.String())
		case *dns.AAAA:
			addrs = append(addrs, rr.AAAA.String())
		}
	}
	return addrs
}

// printRecords prints records of any type, the data as zone files have it.
func printRecords(w io.Writer, m *dns.Msg) {
	fmt.Fprintln(w, "NAME\tTYPE\tTTL\tDATA")
	for _, rr := range m.Answer {
		h := rr.Header()
		data := strings.TrimPrefix(rr.String(), h.String())
		fmt.Fprintf(w, "%s\t%s\t%d\t%s\n", strings.TrimSuffix(h.Name, "."), dns.TypeToString[h.Rrtype], h.Ttl, data)
	}
}
