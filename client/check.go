package client

import "time"

// Check says how the server probes the instance, at the instance's own addresses. It
// is answered only while it also passes. The zero value is no check; other fields
// than Kind may be zero, and then have the server's default.
type Check struct {
	Kind   string // "http", "https", "tcp", "grpc", "grpcs" or "dns"
	Target string // of HTTP a path such as "/health"; of gRPC a service, "" the whole server; of DNS a name, "" any answer
	Method string // of HTTP: "GET", "HEAD" or "OPTIONS"; "" is "GET"
	Host   string // the name by which an HTTP or TLS server is asked; "" is the address
	Verify bool   // over TLS the certificate must be valid for Host
	Port   string // name or number of a port; "" is the first that fits

	Interval time.Duration // 1 s to 1 h; 0 is 10 s
	Timeout  time.Duration // up to Interval; 0 is 2 s
	Rise     int           // passes in a row until it is up, 1 to 10; 0 is 1
	Fall     int           // failures in a row until it is down, 1 to 10; 0 is 3
	Initial  State         // until then: Starting, or Up; "" is Starting
}

// body is the check as the server reads it; nil when there is none.
func (c *Check) body() map[string]any {
	if *c == (Check{}) {
		return nil
	}
	b := map[string]any{c.Kind: c.Target}
	if c.Kind == "tcp" {
		b[c.Kind] = true
	}
	set := func(name string, value any, given bool) {
		if given {
			b[name] = value
		}
	}
	set("method", c.Method, c.Method != "")
	set("host", c.Host, c.Host != "")
	set("verify", true, c.Verify)
	set("port", c.Port, c.Port != "")
	set("interval", c.Interval.String(), c.Interval != 0)
	set("timeout", c.Timeout.String(), c.Timeout != 0)
	set("rise", c.Rise, c.Rise != 0)
	set("fall", c.Fall, c.Fall != 0)
	set("initial", c.Initial, c.Initial != "")
	return b
}
