package main

import (
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"net/url"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/rollcall-dns/rollcall/dnsserver"
	"github.com/rollcall-dns/rollcall/zone"
)

// The rules of the settings. Each error reads on from the setting and its value.

func setDomain(c *Config, value string) error {
	n, err := zone.ParseName(value)
	if err != nil || n == zone.Root {
		return errors.New("must be a domain name such as svc.internal, of labels of 1 to 63 octets and 255 in all")
	}
	for _, o := range c.Domains {
		if strings.HasSuffix(string(n), string(o)) || strings.HasSuffix(string(o), string(n)) {
			return fmt.Errorf("must be neither equal to, above nor below the domain %v", o)
		}
	}
	c.Domains = append(c.Domains, n)
	return nil
}

func setAddrs(field func(*Config) *[]netip.AddrPort) func(*Config, string) error {
	return func(c *Config, value string) error {
		a, err := parseAddrPort(value)
		if err != nil {
			return err
		}
		for _, taken := range [...][]netip.AddrPort{c.DNS, c.DNSTLS, c.DNSHTTPS} {
			if a.Port() != 0 && slices.Contains(taken, a) {
				return errors.New("must not be given twice")
			}
		}
		addrs := field(c)
		*addrs = append(*addrs, a)
		return nil
	}
}

func setElsewhere(c *Config, value string) error {
	n, err := zone.ParseName(value)
	if err != nil {
		return errors.New("must be a domain name such as 10.in-addr.arpa or home.arpa, or . for all")
	}
	c.Elsewhere = append(c.Elsewhere, n)
	return nil
}

func setNSID(c *Config, value string) error {
	if len(value) > dnsserver.MaxNSID {
		return fmt.Errorf("must be at most %d octets", dnsserver.MaxNSID)
	}
	c.NSID = value
	return nil
}

func setHTTP(c *Config, value string) (err error) {
	c.HTTP, err = parseAddrPort(value)
	return err
}

func parseAddrPort(value string) (netip.AddrPort, error) {
	a, err := netip.ParseAddrPort(value)
	if err != nil {
		return a, errors.New("must be an IP address and a port such as 127.0.0.1:8053, 0.0.0.0:53 or [::]:53")
	}
	return netip.AddrPortFrom(a.Addr().Unmap(), a.Port()), nil
}

func setDocker(c *Config, value string) error {
	if value != dockerAuto && value != dockerOff {
		u, err := url.Parse(value)
		unix := err == nil && u.Scheme == "unix" && u.Host == "" && filepath.IsAbs(u.Path)
		tcp := err == nil && u.Scheme == "tcp" && u.Hostname() != "" && u.Port() != ""
		if !unix && !tcp {
			return errors.New("must be auto, off, unix:///PATH or tcp://HOST:PORT")
		}
	}
	c.Docker = value
	return nil
}

func setAdvertise(c *Config, value string) error {
	a, err := netip.ParseAddr(value)
	if err != nil || a.Zone() != "" || a.IsUnspecified() || a.IsMulticast() {
		return errors.New("must be an IP address at which others reach this host, such as 192.0.2.10")
	}
	a = a.Unmap()
	for _, o := range c.Advertise {
		if o.Is4() == a.Is4() {
			return fmt.Errorf("must be the only one of its family, but %v was given as well", o)
		}
	}
	c.Advertise = append(c.Advertise, a)
	return nil
}

func setTTL(c *Config, value string) error {
	d, err := time.ParseDuration(value)
	if err != nil || d < time.Second || d > 24*time.Hour || d%time.Second != 0 {
		return errors.New("must be a duration in whole seconds such as 5s or 1m, from 1s to 24h")
	}
	c.TTL = d
	return nil
}

func setDataDir(c *Config, value string) error {
	c.DataDir = value
	return nil
}

func setStatic(c *Config, value string) error {
	c.Static = value
	return nil
}

func setNumber(field func(*Config) *int, least, most int) func(*Config, string) error {
	return func(c *Config, value string) error {
		n, err := strconv.Atoi(value)
		if err != nil || n < least || n > most {
			return fmt.Errorf("must be a number from %d to %d", least, most)
		}
		*field(c) = n
		return nil
	}
}

func setBool(field func(*Config) *bool) func(*Config, string) error {
	return func(c *Config, value string) (err error) {
		if *field(c), err = strconv.ParseBool(value); err != nil {
			return errors.New("must be true or false")
		}
		return nil
	}
}

// setSize reads an amount of memory: octets, or a number with a unit.
func setSize(field func(*Config) *int) func(*Config, string) error {
	return func(c *Config, value string) error {
		number, shift := value, 0
		for i, unit := range [...]string{"KiB", "MiB", "GiB"} {
			if n, ok := strings.CutSuffix(value, unit); ok {
				number, shift = n, 10*(i+1)
			}
		}
		n, err := strconv.ParseUint(number, 10, 63-shift)
		if n <<= shift; err != nil || n != 0 && n < 1<<20 || n > 1<<40 {
			return errors.New("must be 0, or octets such as 64MiB or 1GiB, from 1MiB to 1024GiB")
		}
		*field(c) = int(n)
		return nil
	}
}

// complete checks what depends on several settings.
func (c *Config) complete(faults) (bad faults) {
	if c.Replace && c.control() == "" {
		bad = append(bad, fault{"--replace", "true", "must come with --control or --data-dir, where the running server waits"})
	}
	return append(bad, c.tlsFaults()...)
}

// tlsFaults checks that a certificate is given where it is needed, and only there.
func (c *Config) tlsFaults() (bad faults) {
	whole := c.TLSCert != "" && c.TLSKey != ""
	if len(c.DNSTLS) > 0 && !whole {
		bad = append(bad, fault{"--dns-tls", c.DNSTLS[0].String(), "must come with --tls-cert and --tls-key"})
	}
	if len(c.DNSHTTPS) > 0 && !whole {
		bad = append(bad, fault{"--dns-https", c.DNSHTTPS[0].String(), "must come with --tls-cert and --tls-key"})
	}
	unused := len(c.DNSTLS)+len(c.DNSHTTPS) == 0
	if c.TLSCert != "" && unused {
		bad = append(bad, fault{"--tls-cert", c.TLSCert, "must come with --dns-tls or --dns-https"})
	}
	if c.TLSKey != "" && unused {
		bad = append(bad, fault{"--tls-key", c.TLSKey, "must come with --dns-tls or --dns-https"})
	}
	return bad
}

// control is where a server waits for its successor; "" is nowhere.
func (c *Config) control() string {
	if c.Control == "" && c.DataDir != "" {
		return filepath.Join(c.DataDir, "control.sock")
	}
	return c.Control
}

func setLogLevel(c *Config, value string) error {
	if !slices.Contains([]string{"debug", "info", "warn", "error"}, value) {
		return errors.New("must be debug, info, warn or error")
	}
	return c.LogLevel.UnmarshalText([]byte(value))
}

func setLogFormat(c *Config, value string) error {
	if value != "text" && value != "json" {
		return errors.New("must be text or json")
	}
	c.LogFormat = value
	return nil
}

func (c *Config) logger(p *process) *slog.Logger {
	o := &slog.HandlerOptions{Level: c.LogLevel}
	if c.LogFormat == "json" {
		return slog.New(slog.NewJSONHandler(p.stderr, o))
	}
	return slog.New(slog.NewTextHandler(p.stderr, o))
}
