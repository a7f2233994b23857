package main

import (
	"errors"
	"fmt"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"

	"github.com/rollcall-dns/rollcall/dnsserver"
	"github.com/rollcall-dns/rollcall/dnsserver/forward"
	"github.com/rollcall-dns/rollcall/dnsserver/upstream"
	"github.com/rollcall-dns/rollcall/zone"
)

// The settings of the resolver: whom to ask for names of others, and for whom.

const upstreamRule = "must be a name server such as 192.0.2.1, 192.0.2.1:5353 or tls://192.0.2.1#dns.example, the path of a file like /etc/resolv.conf, or off"

func setUpstream(c *Config, value string) error {
	switch {
	case value == "off" && len(c.Upstreams)+len(c.ResolvConf) == 0:
		c.noUpstream = true
		return nil
	case value == "off" || c.noUpstream:
		return errors.New("must not be given beside others: off asks nobody")
	case filepath.IsAbs(value):
		if !slices.Contains(c.ResolvConf, value) {
			c.ResolvConf = append(c.ResolvConf, value)
		}
		return nil
	}
	a, err := upstream.ParseAddr(value)
	if err != nil {
		return errors.New(upstreamRule)
	}
	c.Upstreams = append(c.Upstreams, a)
	return nil
}

func setRoute(c *Config, value string) error {
	const rule = "must be a domain and its name servers such as corp.example=10.0.0.1,10.0.0.2"
	domain, list, ok := strings.Cut(value, "=")
	n, err := zone.ParseName(strings.TrimSpace(domain))
	if !ok || err != nil {
		return errors.New(rule)
	}
	if slices.ContainsFunc(c.Routes, func(r forward.Route) bool { return r.Domain == n }) {
		return fmt.Errorf("must not be the second for %v: give all its servers in one", n)
	}
	r := forward.Route{Domain: n}
	for s := range strings.SplitSeq(list, ",") {
		a, err := upstream.ParseAddr(strings.TrimSpace(s))
		if err != nil {
			return errors.New(rule)
		}
		r.Servers = append(r.Servers, a)
	}
	c.Routes = append(c.Routes, r)
	return nil
}

func setRecursion(c *Config, value string) error {
	switch value {
	case "local":
		c.RecurseLocal = true
		return nil
	case "all":
		c.Recurse = append(c.Recurse, netip.MustParsePrefix("0.0.0.0/0"), netip.MustParsePrefix("::/0"))
		return nil
	case "off":
		return nil
	}
	p, err := netip.ParsePrefix(value)
	if ip, ierr := netip.ParseAddr(value); ierr == nil && ip.Zone() == "" {
		p, err = netip.PrefixFrom(ip, ip.BitLen()), nil
	}
	if err != nil || p != p.Masked() || p.Addr().Is4In6() {
		return errors.New("must be local, all, off, or a network such as 203.0.113.0/24 or 2001:db8::/32")
	}
	c.Recurse = append(c.Recurse, p)
	return nil
}

// elsewhere are the names that are left to others: those of --elsewhere, and those that
// mean something only here but that a route is for.
func (c *Config) elsewhere() []zone.Name {
	names := slices.Clone(c.Elsewhere)
	for _, r := range c.Routes {
		for n := range dnsserver.LocalNames() {
			if r.Domain.Within(n) {
				names = append(names, r.Domain)
			}
		}
	}
	return names
}
