package zone

import (
	"cmp"
	"hash/maphash"
	"slices"
)

// rank orders the records of an answer that is limited: by SRV priority, and within
// one by chance. With one seed a record has one rank, however often it comes, so that
// those of the lowest rank are a random part of the set.
type rank struct {
	priority uint16
	chance   uint64
	m        *member // to which an SRV record points, with its group
	group    uint8
}

func (r rank) compare(o rank) int {
	return cmp.Or(cmp.Compare(r.priority, o.priority), cmp.Compare(r.chance, o.chance))
}

// limits reports whether answers of a type are limited.
func limits(qtype uint16) bool { return qtype == TypeA || qtype == TypeAAAA || qtype == TypeSRV }

// keep puts a record among those of the lowest rank.
func (a *Answer) keep(r Record, m *member, group uint8) {
	k := rank{chance: mix(maphash.Comparable(maskSeed, r.key()) ^ uint64(a.seed)), m: m, group: group}
	if r.Type == TypeSRV {
		k.priority = uint16(r.head[0])<<8 | uint16(r.head[1])
	}
	i, repeated := slices.BinarySearchFunc(a.ranks, k, rank.compare)
	switch {
	case repeated || i >= a.limit:
		return
	case len(a.ranks) == a.limit:
		a.ranks, a.Answer = a.ranks[:a.limit-1], a.Answer[:len(a.Answer)-1]
	}
	a.Answer = slices.Insert(a.Answer, len(a.Answer)-len(a.ranks)+i, r)
	a.ranks = slices.Insert(a.ranks, i, k)
}

// mix makes each bit of x depend on all of its bits: the finalizer of SplitMix64.
func mix(x uint64) uint64 {
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// drawsPerRecord is how many members of a large service are drawn for each record of
// a limited answer, instead of looking at all of them.
const drawsPerRecord = 32

// draw gives members of a large list at random, maybe some of them twice.
func (f *filter) draw(q *Question, a *Answer, s scope, yield func(*member) bool) {
	draws := drawsPerRecord * a.limit
	if draws == 0 || f.one != nil || f.list.len() <= 2*draws {
		return
	}
	mask := s.mask(q)
	for range draws {
		if m := f.list.at(f.list.pick(&f.roll)); f.sees(q, m, mask) {
			yield(m)
		}
	}
}

// glueKept adds the addresses of the targets that a limited answer has kept.
func (s *Snapshot) glueKept(q *Question, a *Answer, domain int, f *filter) {
	if q.Type != TypeSRV {
		return
	}
	set := a.set()
	for i, k := range a.ranks {
		same := func(o rank) bool { return o.m == k.m && o.group == k.group }
		switch {
		case k.m == nil:
			s.glue(q, a, domain, &set[i])
		case !slices.ContainsFunc(a.ranks[:i], same):
			f.glue(q, a, k.m, k.group)
		}
	}
}
