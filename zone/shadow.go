package zone

import "iter"

// Statics is every static record, also the aliases that are not answered, in no
// order.
func (s *Snapshot) Statics() iter.Seq2[Key, *Static] {
	return func(yield func(Key, *Static) bool) {
		for k, f := range s.statics() {
			if !yield(k, &f.in) {
				return
			}
		}
	}
}

// Shadowed is every CNAME record that is in the zone and not answered, with the
// reason: its name has other data (RFC 2181 §10.1). It is answered as soon as
// that has gone.
func (s *Snapshot) Shadowed() iter.Seq2[Key, error] {
	return func(yield func(Key, error) bool) {
		for k, f := range s.statics() {
			if err := s.shadow(f); err != nil && !yield(k, err) {
				return
			}
		}
	}
}

// shadow says why a static record is not answered, if so.
func (s *Snapshot) shadow(f *fixed) error {
	if f.record.Type != TypeCNAME {
		return nil
	}
	var p place
	s.find(new(Answer), f.owner, &p)
	other := "other static records"
	switch c := p.set.alias(); {
	case p.members:
		other = "instances"
	case p.listing.of != nothing:
		other = "names to browse"
	case c == f:
		return nil
	case c != nil:
		other = "another CNAME, that of " + c.key.Source + ","
	}
	return &FieldError{"Owner", f.in.Owner, "has " + other + " too, and a CNAME must stand alone: it is answered when they have gone"}
}
