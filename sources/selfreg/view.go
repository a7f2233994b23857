package selfreg

import (
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/rollcall-dns/rollcall/sources"
	"github.com/rollcall-dns/rollcall/zone"
)

// view is an instance as the interface shows it.
type view struct {
	Instance instanceView `json:"instance"`
	Names    []string     `json:"names"`
	Lease    *leaseView   `json:"lease,omitempty"`
}

type instanceView struct {
	Service   string            `json:"service"`
	ID        string            `json:"id"`
	Source    string            `json:"source"`
	State     string            `json:"state"`
	Reason    string            `json:"reason,omitempty"`
	Answered  string            `json:"answered,omitempty"` // why, although it is not up
	Aliases   []string          `json:"aliases,omitempty"`
	Host      string            `json:"host,omitempty"`
	Endpoints []endpointView    `json:"endpoints"`
	Priority  uint16            `json:"priority"`
	Weight    uint16            `json:"weight"`
	Tags      []string          `json:"tags,omitempty"`
	Meta      map[string]string `json:"meta,omitempty"`
	TTL       string            `json:"ttl,omitempty"`
	Checks    []checkView       `json:"checks,omitempty"`
	Fallback  string            `json:"fallback,omitempty"`
}

type endpointView struct {
	Address netip.Addr `json:"address"`
	Network string     `json:"network,omitempty"`
	Ports   []portView `json:"ports,omitempty"`
}

type portView struct {
	Name     string   `json:"name,omitempty"`
	Number   uint16   `json:"number"`
	Protocol string   `json:"protocol"`
	ALPN     []string `json:"alpn,omitempty"`
}

func portViews(ports []zone.Port) []portView {
	out := make([]portView, len(ports))
	for i, p := range ports {
		out[i] = portView{p.Name, p.Number, p.Proto.String(), p.ALPN.Protocols()}
	}
	return out
}

type leaseView struct {
	Duration  string `json:"duration,omitempty"`
	Remaining string `json:"remaining"`
}

func (a *api) viewOf(snap *zone.Snapshot, k zone.Key, in *zone.Instance) view {
	v := view{Instance: instanceView{
		Service: in.Service, ID: shownID(k), Source: k.Source,
		State: in.State.String(), Reason: in.Reason, Aliases: in.Aliases, Host: in.Host,
		Endpoints: []endpointView{},
		Priority:  in.Priority, Weight: in.Weight, Tags: in.Tags, Meta: in.Meta,
	}, Names: []string{}}
	if in.TTL > 0 {
		v.Instance.TTL = in.TTL.String()
	}
	if in.Fallback != zone.FallbackNone {
		v.Instance.Fallback = in.Fallback.String()
	}
	if services := snap.Fallback(k); len(services) > 0 {
		v.Instance.Answered = fmt.Sprintf("its fallback is %s, and no instance of %s is up", in.Fallback, strings.Join(services, " and of "))
	}
	for _, e := range in.Endpoints {
		v.Instance.Endpoints = append(v.Instance.Endpoints, endpointView{e.Addr, e.Network, portViews(e.Ports)})
	}
	for _, n := range snap.Names(k) {
		v.Names = append(v.Names, n.String())
	}
	if len(in.Checks) > 0 {
		v.Instance.Checks = a.checksOf(k, in)
	}
	v.Lease = a.leaseOf(k, in)
	return v
}

func (s *Source) leaseOf(k zone.Key, in *zone.Instance) *leaseView {
	if in.Lease == nil {
		return nil
	}
	left := time.Duration(in.Lease.Deadline() - s.opt.Now())
	l := &leaseView{Remaining: max(left, 0).Round(time.Millisecond).String()}
	if period, _, ok := s.leases.Get(k.ID); ok && k.Source == Name {
		l.Duration = period.String()
	}
	return l
}

// shownID is the ID as it stands in a path.
func shownID(k zone.Key) string {
	if k.Source == Name {
		_, id := splitID(k.ID)
		return id
	}
	return k.ID
}

// ended reports whether an instance's lease is over, so that it is not answered
// although it was not removed yet.
func (s *Source) ended(in *zone.Instance) bool {
	return in.Lease != nil && in.Lease.Deadline() <= s.opt.Now()
}

// maxRejected bounds the objects listed for one source.
const maxRejected = 1000

type sourceView struct {
	Name      string          `json:"name"`
	Synced    bool            `json:"synced"`
	Ready     bool            `json:"ready"`
	Stale     bool            `json:"stale,omitempty"`
	Age       string          `json:"last_success,omitempty"` // how long ago
	Error     string          `json:"error,omitempty"`
	Notice    string          `json:"notice,omitempty"`
	Instances int             `json:"instances"`
	Static    int             `json:"static_records,omitempty"`
	Rejected  []rejectionView `json:"rejected,omitempty"`
	More      bool            `json:"more_rejected,omitempty"`
}

type rejectionView struct {
	ID     string `json:"id"`
	Reason string `json:"reason"`
}

func viewOfSource(st *sources.Status) sourceView {
	v := sourceView{Name: st.Name, Synced: st.Synced, Ready: st.Ready, Stale: st.Stale, Instances: st.Instances, Static: st.Static, More: st.More, Notice: st.Notice}
	if !st.Success.IsZero() {
		v.Age = time.Since(st.Success).Round(time.Millisecond).String()
	}
	if st.Err != nil {
		v.Error = st.Err.Error()
	}
	for _, r := range st.Rejected {
		if len(v.Rejected) == maxRejected {
			v.More = true
			break
		}
		v.Rejected = append(v.Rejected, rejectionView{r.ID, r.Err.Error()})
	}
	return v
}
