package client

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"strconv"
	"time"
)

// Registration is what a service says of one of its instances. The server checks
// it: Run returns its verdict when something is out of range.
type Registration struct {
	Service string // e.g. "web"; required
	// ID tells the instances of a service apart. It should survive a restart of the
	// program, so that the new instance takes the place of the old one. "" is the
	// host's name with the number of the first port.
	ID        string
	Addresses []netip.Addr // none: the address from which the server is asked
	Ports     []Port
	Lease     time.Duration // the registration ends so long after the last heartbeat; 0 is 30 s
	TTL       time.Duration // of DNS records; 0 is the server's default
	Priority  uint16        // of SRV records: lower is tried first
	Weight    uint16        // within one priority
	Tags      []string
	Meta      map[string]string // published as TXT
	Host      string            // label of the instance's own name; "" is made of the ID
	State     State             // at the start; "" is Up
	Check     Check             // that the server makes
	Fallback  Fallback          // whether it is answered when Check fails and none is up; "" is FallbackNone
}

// Fallback says whether an instance is answered although its check fails, while no
// instance of the service is up.
type Fallback string

// The values of a Fallback.
const (
	FallbackNone Fallback = "none"
	FallbackLast Fallback = "last" // if it failed at most a minute before the last one did
	FallbackAll  Fallback = "all"
)

// Port is a port on which the instance listens.
type Port struct {
	Name     string   `json:"name,omitempty"` // "" takes the IANA name of the number
	Number   uint16   `json:"number"`
	Protocol string   `json:"protocol,omitempty"` // "tcp", "udp" or "sctp"; "" is tcp
	ALPN     []string `json:"alpn,omitempty"`     // what it speaks inside of TLS, e.g. "h2", "http/1.1"; gives HTTPS records
}

// State says whether an instance is answered: only Up is.
type State string

// The states of an instance.
const (
	Starting State = "starting"
	Up       State = "up"
	Draining State = "draining" // about to stop: finishes what it has
	Down     State = "down"
)

const (
	defaultLease = 30 * time.Second
	minLease     = time.Second
)

// complete fills in the defaults that do not need a server.
func (r Registration) complete() (Registration, error) {
	var errs []error
	if r.Service == "" {
		errs = append(errs, errors.New("client: Registration.Service must be given"))
	}
	if r.Lease == 0 {
		r.Lease = defaultLease
	}
	if r.Lease < minLease {
		errs = append(errs, fmt.Errorf("client: Registration.Lease %s must be at least %s", r.Lease, minLease))
	}
	if r.State == "" {
		r.State = Up
	}
	if r.ID == "" {
		host, err := os.Hostname()
		if err != nil {
			errs = append(errs, fmt.Errorf("client: Registration.ID must be given, because this host has no name: %w", err))
		}
		if r.ID = host; len(r.Ports) > 0 {
			r.ID += "-" + strconv.Itoa(int(r.Ports[0].Number))
		}
	}
	return r, errors.Join(errs...)
}

// body is the registration as the server reads it.
func (r *Registration) body() ([]byte, error) {
	b := struct {
		Addresses []netip.Addr      `json:"addresses,omitempty"`
		Ports     []Port            `json:"ports,omitempty"`
		Lease     string            `json:"lease"`
		TTL       string            `json:"ttl,omitempty"`
		Priority  uint16            `json:"priority"`
		Weight    uint16            `json:"weight"`
		Tags      []string          `json:"tags,omitempty"`
		Meta      map[string]string `json:"meta,omitempty"`
		State     State             `json:"state"`
		Host      string            `json:"host,omitempty"`
		Check     map[string]any    `json:"check,omitempty"`
		Fallback  Fallback          `json:"fallback,omitempty"`
	}{
		Addresses: r.Addresses, Ports: r.Ports, Lease: r.Lease.String(),
		Priority: r.Priority, Weight: r.Weight, Tags: r.Tags, Meta: r.Meta, State: r.State, Host: r.Host,
		Check: r.Check.body(), Fallback: r.Fallback,
	}
	if r.TTL > 0 {
		b.TTL = r.TTL.String()
	}
	return json.Marshal(b)
}
