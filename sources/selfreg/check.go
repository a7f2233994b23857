package selfreg

import (
	"encoding/json"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/rollcall-dns/rollcall/sources"
	"github.com/rollcall-dns/rollcall/zone"
)

// check reads how a service is probed: {"http": "/health", "interval": "5s"}. What
// is out of bounds is found by Instance.Validate.
func (f *faults) check(into *[]zone.Check) setter {
	return func(path string, v any) {
		r := checkReader{Check: zone.DefaultCheck}
		f.object(path, v, func(name string) setter { return r.field(name, f) })
		if r.kinds != 1 {
			f.add(path, "must have exactly one of http, https, tcp, grpc, grpcs and dns")
		}
		if !r.timeout {
			r.Timeout = min(r.Timeout, r.Interval)
		}
		*into = []zone.Check{r.Check}
	}
}

// checkReader is a check that is being read.
type checkReader struct {
	zone.Check
	kinds   int  // how many are given
	timeout bool // is given
}

// field is the setter of a field, or nil.
func (r *checkReader) field(name string, f *faults) setter {
	switch name {
	case "http":
		return r.target(zone.CheckHTTP, f)
	case "https":
		return r.target(zone.CheckHTTPS, f)
	case "tcp":
		return r.target(zone.CheckTCP, f)
	case "grpc":
		return r.target(zone.CheckGRPC, f)
	case "grpcs":
		return r.target(zone.CheckGRPCS, f)
	case "dns":
		return r.target(zone.CheckDNS, f)
	case "method":
		return f.text(&r.Method)
	case "host":
		return f.text(&r.Host)
	case "verify":
		return f.flag(&r.Verify)
	case "port":
		return f.checkPort(&r.Port)
	case "interval":
		return f.duration(&r.Interval, time.Second, time.Hour, time.Nanosecond, "must be a duration such as 5s, from 1s to 1h")
	case "timeout":
		return func(path string, v any) {
			r.timeout = true
			f.duration(&r.Timeout, 10*time.Millisecond, time.Hour, time.Nanosecond, "must be a duration such as 2s, from 10ms to the interval")(path, v)
		}
	case "rise":
		return f.times(&r.Rise)
	case "fall":
		return f.times(&r.Fall)
	case "initial":
		return f.initial(&r.Initial)
	}
	return nil
}

// target is a setter for what a check of a kind asks for: of TCP nothing, which is true.
func (r *checkReader) target(k zone.CheckKind, f *faults) setter {
	return func(path string, v any) {
		r.Kind = k
		r.kinds++
		if k != zone.CheckTCP {
			f.text(&r.Target)(path, v)
		} else if v != true {
			f.add(path, "must be true")
		}
	}
}

// initial is a setter for the state before the first check.
func (f *faults) initial(into *zone.State) setter {
	return func(path string, v any) {
		f.state(into)(path, v)
		if *into != zone.Starting && *into != zone.Up {
			f.add(path, "must be starting or up")
		}
	}
}

func (f *faults) flag(into *bool) setter {
	return func(path string, v any) {
		b, ok := v.(bool)
		if !ok {
			f.add(path, "must be true or false")
		}
		*into = b
	}
}

func (f *faults) times(into *uint8) setter {
	return func(path string, v any) {
		n, _ := v.(json.Number)
		u, err := strconv.ParseUint(n.String(), 10, 8)
		if err != nil || u < 1 || u > 10 {
			f.add(path, "must be a whole number from 1 to 10")
			return
		}
		*into = uint8(u)
	}
}

// checkPort takes the name of a port, or its number.
func (f *faults) checkPort(into *string) setter {
	return func(path string, v any) {
		switch p := v.(type) {
		case json.Number:
			var n uint16
			f.number(&n, 1)(path, v)
			*into = strconv.Itoa(int(n))
		case string:
			*into = p
		default:
			f.add(path, "must be the name or the number of a port")
		}
	}
}

// ofTargets keeps a check within what whoever asks for it could reach as well: from
// elsewhere no one has this host probe itself, nor what answers on its link alone.
func (f *faults) ofTargets(r *registration, sender netip.Addr) {
	if len(r.in.Checks) == 0 {
		return
	}
	for _, e := range r.in.Endpoints {
		switch a := e.Addr; {
		case a.IsLoopback() && !sender.IsLoopback():
			f.add("check", "must not be given with an address of the loopback, unless the request comes from there")
		case a.IsLinkLocalUnicast():
			f.add("check", "must not be given with a link-local address")
		}
	}
}

// fieldOfCheck gives a field of zone.Check its name in the body.
func fieldOfCheck(rest string, c *zone.Check) string {
	if rest == "Target" {
		rest = c.Kind.String()
	}
	return "check." + strings.ToLower(rest)
}

// wireCheck is a check as the interface shows it, and as the journal keeps it.
type wireCheck struct {
	HTTP     *string `json:"http,omitempty"`
	HTTPS    *string `json:"https,omitempty"`
	TCP      bool    `json:"tcp,omitempty"`
	GRPC     *string `json:"grpc,omitempty"`
	GRPCS    *string `json:"grpcs,omitempty"`
	DNS      *string `json:"dns,omitempty"`
	Method   string  `json:"method,omitempty"`
	Host     string  `json:"host,omitempty"`
	Verify   bool    `json:"verify,omitempty"`
	Port     string  `json:"port,omitempty"`
	Interval string  `json:"interval"`
	Timeout  string  `json:"timeout"`
	Rise     uint8   `json:"rise"`
	Fall     uint8   `json:"fall"`
	Initial  string  `json:"initial"`
}

func wireCheckOf(c zone.Check) wireCheck {
	w := wireCheck{
		TCP: c.Kind == zone.CheckTCP, Method: c.Method, Host: c.Host, Verify: c.Verify, Port: c.Port,
		Interval: c.Interval.String(), Timeout: c.Timeout.String(), Rise: c.Rise, Fall: c.Fall, Initial: c.Initial.String(),
	}
	target := &c.Target
	switch c.Kind {
	case zone.CheckHTTP:
		w.HTTP = target
	case zone.CheckHTTPS:
		w.HTTPS = target
	case zone.CheckGRPC:
		w.GRPC = target
	case zone.CheckGRPCS:
		w.GRPCS = target
	case zone.CheckDNS:
		w.DNS = target
	}
	return w
}

// checkView is a check with what came of it last.
type checkView struct {
	wireCheck
	Last *resultView `json:"last,omitempty"`
}

type resultView struct {
	Passed bool   `json:"passed"`
	Reason string `json:"reason,omitempty"` // why not
	Age    string `json:"age"`              // how long ago the probe began
	Took   string `json:"took"`
	InARow int    `json:"in_a_row"`
}

func (a *api) checksOf(k zone.Key, in *zone.Instance) []checkView {
	var results []sources.CheckResult
	if a.health.Checks != nil {
		results = a.health.Checks(k)
	}
	list := make([]checkView, len(in.Checks))
	for i, c := range in.Checks {
		list[i].wireCheck = wireCheckOf(c)
		if len(results) == len(list) && !results[i].At.IsZero() { // else they are of another revision
			r := &results[i]
			list[i].Last = &resultView{
				Passed: r.Reason == "", Reason: r.Reason, InARow: r.InARow,
				Age: time.Since(r.At).Round(time.Millisecond).String(), Took: r.Took.Round(time.Microsecond).String(),
			}
		}
	}
	return list
}
