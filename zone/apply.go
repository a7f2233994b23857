package zone

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/rollcall-dns/rollcall/zone/hamt"
)

// The limits and defaults of Options.
const (
	defaultTTL          = 5 * time.Second
	maxNegativeTTL      = 5 * time.Second
	defaultMaxInstances = 1_000_000
	maxLimit            = 1000 // of Options.AnswerLimit
)

// state is what a snapshot holds and the writer changes.
type state struct {
	serial  uint32
	nodes   hamt.Map[string, *node]     // by relative service name
	sources hamt.Map[string, *held]     // every instance, up or not, and every static record
	all     counts                      // of all sources
	wild    hamt.Map[string, *fixedSet] // static records of wildcards, by the name below which they stand
	holders holders
	seats   table // askers' networks, as attachments say
	subnets table // networks by their prefixes
	browse  browse
}

// writer is the state under construction. Zone.mu guards it.
type writer struct {
	state
	edit    *hamt.Edit // of what was not published yet
	changed bool       // there is such
	freed   []string   // targets that nobody may have any more
	fresh   fresh

	domains []Name
	local   *localZones
	ttl     uint32
	negTTL  uint32
	limit   int
	max     int
	owned   map[string]*owned // by source
	judged  map[Key]*judged   // instances with checks
	open    map[netID]bool    // networks that lie over others
	ports   portLists
	sets    setLists
	keyed   keyed
}

// owned is what the zone knows of one source.
type owned struct {
	run      uint64
	networks []Network
	attached map[string]Attachment
	sync     *seen // nil: no sync is under way
}

// seen is what a sync has listed so far.
type seen struct {
	ids, attachments map[string]struct{}
	first            bool // there was none when it began: ids stays empty, all there are were listed
}

// New gives an empty zone, or an error that names each option at fault.
func New(o Options) (*Zone, error) {
	var errs []error
	if len(o.Domains) == 0 {
		errs = append(errs, errors.New("zone: no domain to serve"))
	}
	for i, d := range o.Domains {
		if len(d) > maxDomain || d == Root || d == "" {
			errs = append(errs, fmt.Errorf("zone: domain %q must have 1 to %d octets", d, maxDomain-2))
		}
		for _, other := range o.Domains[:i] {
			if _, ok := below(d, other); ok {
				errs = append(errs, fmt.Errorf("zone: domain %q is the same as, or below, %q", d, other))
			} else if _, ok := below(other, d); ok {
				errs = append(errs, fmt.Errorf("zone: domain %q is below %q", other, d))
			}
		}
	}
	if o.TTL < 0 || o.TTL > maxTTL {
		errs = append(errs, fmt.Errorf("zone: TTL %s must be 0 to 2147483647 s", o.TTL))
	}
	if o.NegativeTTL < 0 || o.NegativeTTL > maxNegativeTTL {
		errs = append(errs, fmt.Errorf("zone: negative TTL %s must be 0 to %s", o.NegativeTTL, maxNegativeTTL))
	}
	if o.AnswerLimit < 0 || o.AnswerLimit > maxLimit {
		errs = append(errs, fmt.Errorf("zone: answer limit of %d records must be 0 to %d", o.AnswerLimit, maxLimit))
	}
	if o.MaxInstances < 0 {
		errs = append(errs, fmt.Errorf("zone: limit of %d instances must not be negative", o.MaxInstances))
	}
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	z := &Zone{}
	z.w = writer{
		domains: slices.Clone(o.Domains),
		local:   newLocalZones(o.Elsewhere),
		ttl:     uint32(or(o.TTL, defaultTTL).Seconds()),
		negTTL:  uint32(or(o.NegativeTTL, maxNegativeTTL).Seconds()),
		limit:   o.AnswerLimit,
		max:     or(o.MaxInstances, defaultMaxInstances),
		owned:   map[string]*owned{},
		open:    map[netID]bool{},
		judged:  map[Key]*judged{},
	}
	z.w.serial = o.Serial
	z.cur.Store(z.w.snapshot())
	return z, nil
}

func or[T comparable](v, otherwise T) T {
	var zero T
	if v == zero {
		return otherwise
	}
	return v
}

// below splits a name into what stands before the apex and reports whether it
// is the apex or below it.
func below(n, apex Name) (rel string, ok bool) {
	for rest := n; len(rest) >= len(apex); rest = rest[1+rest[0]:] {
		if rest == apex {
			return string(n[:len(n)-len(apex)]), true
		}
		if rest[0] == 0 {
			break
		}
	}
	return "", false
}

// Apply makes a change whole and publishes one snapshot, or none when everything
// is as it was, or more follows. What cannot be in the zone is rejected alone.
func (z *Zone) Apply(c Change) Result {
	z.mu.Lock()
	defer z.mu.Unlock()
	w := &z.w
	o := w.source(c)
	if c.Networks != nil {
		w.setNetworks(c.Source, o, c.Networks)
	}
	for _, a := range c.Attach {
		w.attach(c.Source, o, a)
	}
	for _, id := range c.Detach {
		w.detach(c.Source, o, id)
	}
	// What goes makes room, and frees its names, for what comes.
	dropped := make(map[string]bool, len(c.Drop))
	for _, id := range c.Drop {
		dropped[id] = true
		w.drop(Key{c.Source, id})
	}
	if c.Kind == SyncEnd {
		for i := range c.Put {
			o.sync.list(c.Put[i].ID)
		}
		for i := range c.Static {
			o.sync.list(c.Static[i].ID)
		}
		w.endSync(c.Source, o)
	}
	var rejected []Rejection
	put := func(id string, put func() error) {
		if dropped[id] {
			return
		}
		if err := put(); err != nil {
			rejected = append(rejected, Rejection{id, err})
		}
	}
	for i := range c.Put {
		put(c.Put[i].ID, func() error { return w.put(c.Source, o, &c.Put[i]) })
	}
	for i := range c.Static {
		put(c.Static[i].ID, func() error { return w.putStatic(c.Source, o, &c.Static[i]) })
	}
	for i := range c.Verdicts {
		w.setVerdict(&c.Verdicts[i])
	}
	w.grant()
	publish := w.changed && !c.More
	if publish {
		w.serial++
		z.cur.Store(w.snapshot())
	}
	return Result{Serial: w.serial, Changed: publish, Rejected: rejected}
}

func (w *writer) source(c Change) *owned {
	o := w.owned[c.Source]
	if o == nil {
		o = &owned{run: c.Run, attached: map[string]Attachment{}}
		w.owned[c.Source] = o
	}
	if o.run != c.Run {
		o.run, o.sync = c.Run, nil
	}
	if c.Kind != Delta && o.sync == nil {
		o.sync = &seen{map[string]struct{}{}, map[string]struct{}{}, w.counts(c.Source) == counts{}}
	}
	return o
}

func (s *seen) list(id string) {
	if !s.first {
		s.ids[id] = struct{}{}
	}
}

func (w *writer) endSync(source string, o *owned) {
	for _, id := range w.unlisted(source, o.sync) {
		w.drop(Key{source, id})
	}
	for id := range o.attached {
		if _, ok := o.sync.attachments[id]; !ok {
			w.detach(source, o, id)
		}
	}
	o.sync = nil
}

// unlisted are the IDs of a source that a sync has not listed.
func (w *writer) unlisted(source string, s *seen) (ids []string) {
	if s.first {
		return nil
	}
	for id := range w.ids(source) {
		if _, ok := s.ids[id]; !ok {
			ids = append(ids, id)
		}
	}
	return ids
}

func (w *writer) put(source string, o *owned, in *Instance) error {
	next := *in
	next.Endpoints = unmapped(in.Endpoints)
	key := Key{source, in.ID}
	if err := w.admit(key, o, next.Validate()); err != nil {
		return err
	}
	old, known := w.entry(key)
	if !known {
		w.drop(key) // a static record of this ID
	}
	w.judge(key, &next)
	if known && old.equals(&next) {
		return nil
	}
	w.replace(old, source, &next)
	return nil
}

// unmapped gives endpoints whose addresses are not those of IPv4 in IPv6.
func unmapped(list []Endpoint) []Endpoint {
	if !slices.ContainsFunc(list, func(e Endpoint) bool { return e.Addr.Is4In6() }) {
		return list
	}
	list = slices.Clone(list)
	for i := range list {
		list[i].Addr = list[i].Addr.Unmap()
	}
	return list
}

// admit decides whether something of a source may be in the zone, and notes that it
// was listed. An earlier version of what is invalid goes.
func (w *writer) admit(key Key, o *owned, invalid error) error {
	if invalid != nil {
		w.drop(key)
		return invalid
	}
	if w.all.instances()+w.all.static >= w.max && !w.knows(key) {
		return ErrFull
	}
	if o.sync != nil {
		o.sync.list(key.ID)
	}
	return nil
}

// drop removes an instance or a static record, if it is there.
func (w *writer) drop(key Key) {
	if old, ok := w.entry(key); ok {
		w.remove(old)
		w.rebrowse(old, nil)
		w.leave(old)
		delete(w.judged, key)
		w.changed = true
	} else if old, ok := w.static(key); ok {
		w.removeStatic(old)
		w.changed = true
	}
}

// setNetworks replaces the networks of a source. Endpoints that belong to no
// network by name may then belong to another one by address.
func (w *writer) setNetworks(source string, o *owned, networks []Network) {
	same := func(a, b Network) bool {
		return a.Name == b.Name && a.Open == b.Open && slices.Equal(a.Prefixes, b.Prefixes)
	}
	if slices.EqualFunc(o.networks, networks, same) {
		return
	}
	var touched []netip.Prefix
	claimAll := func(networks []Network, on bool) {
		for _, n := range networks {
			if delete(w.open, netOf(source, n.Name)); on && n.Open {
				w.open[netOf(source, n.Name)] = true
			}
			for _, p := range n.Prefixes {
				if !p.IsValid() {
					continue
				}
				var nets []netID
				if on {
					nets = []netID{netOf(source, n.Name)}
				}
				w.subnets.set(w.edit, p, claimKey{source, n.Name}, nets)
				touched = append(touched, p.Masked())
			}
		}
	}
	claimAll(o.networks, false)
	claimAll(networks, true)
	o.networks = slices.Clone(networks)
	w.changed = true
	for _, old := range w.movedBy(touched) {
		w.replace(old, old.source.Value(), old.instance())
	}
}

// movedBy finds the entries with an endpoint that no network is named for, in one
// of the prefixes. It looks at every instance: networks change seldom.
func (w *writer) movedBy(prefixes []netip.Prefix) []*entry {
	var found []*entry
	for e := range w.entries() {
		if slices.ContainsFunc(e.spots(), func(s spot) bool {
			return !s.named && slices.ContainsFunc(prefixes, func(p netip.Prefix) bool { return p.Contains(s.addr()) })
		}) {
			found = append(found, e)
		}
	}
	return found
}

func (w *writer) attach(source string, o *owned, a Attachment) {
	if o.sync != nil {
		o.sync.attachments[a.ID] = struct{}{}
	}
	old, known := o.attached[a.ID]
	if known && slices.Equal(old.Prefixes, a.Prefixes) && slices.Equal(old.Networks, a.Networks) {
		return
	}
	w.detach(source, o, a.ID)
	a.Prefixes, a.Networks = slices.Clone(a.Prefixes), slices.Clone(a.Networks)
	nets := make([]netID, len(a.Networks))
	for i, n := range a.Networks {
		nets[i] = netOf(source, n)
	}
	for _, p := range a.Prefixes {
		if p.IsValid() {
			w.seats.set(w.edit, p, claimKey{source, a.ID}, nets)
		}
	}
	o.attached[a.ID] = a
	w.changed = true
}

func (w *writer) detach(source string, o *owned, id string) {
	a, ok := o.attached[id]
	if !ok {
		return
	}
	for _, p := range a.Prefixes {
		if p.IsValid() {
			w.seats.set(w.edit, p, claimKey{source, id}, nil)
		}
	}
	delete(o.attached, id)
	w.changed = true
}
