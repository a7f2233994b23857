//go:build conformance

package differential

import (
	"fmt"
	"slices"

	"github.com/miekg/dns"
)

// A field is a part of a reply in which two servers can differ.
type field string

// The fields. What is left of a truncated answer has to be part of the zone, and need
// not be what another server leaves: its client asks again.
const (
	fReply      field = "reply" // one answers, and the other does not
	fForm       field = "form"  // one can be read, and the other cannot
	fOpcode     field = "opcode"
	fRcode      field = "rcode"
	fAA         field = "AA"
	fTC         field = "TC"
	fRD         field = "RD"
	fRA         field = "RA"
	fZ          field = "Z"
	fAD         field = "AD"
	fCD         field = "CD"
	fQuestion   field = "question"
	fAnswer     field = "answer"
	fAuthority  field = "authority"
	fAdditional field = "additional"
	fOPT        field = "OPT" // one has it, and the other does not
	fVersion    field = "EDNS version"
	fSize       field = "EDNS size"
	fEDNSFlags  field = "EDNS flags"
)

// fOption is the field of one EDNS option: two servers have it alike or not.
func fOption(code uint16) field { return field(fmt.Sprintf("EDNS option %d", code)) }

// pair is what two servers say to one question.
type pair struct {
	*question
	world  *world
	where  place
	peer   string
	ours   *reply
	theirs *reply
}

// differing gives the fields in which the replies differ.
func (p *pair) differing() (fs []field) {
	a, b := p.ours, p.theirs
	if a.none != b.none {
		return []field{fReply}
	}
	if a.broken != nil || b.broken != nil {
		return []field{fForm}
	}
	add := func(f field, differs bool) {
		if differs {
			fs = append(fs, f)
		}
	}
	add(fOpcode, a.opcode != b.opcode)
	add(fRcode, a.rcode != b.rcode)
	flags := a.flags ^ b.flags
	for i, f := range [...]field{fAA, fTC, fRD, fRA, fZ, fAD, fCD} {
		add(f, flags&flagNames[i].bit != 0)
	}
	add(fQuestion, a.question != b.question)
	if (a.flags|b.flags)&bitTC == 0 {
		add(fAnswer, !slices.Equal(a.answer, b.answer))
		add(fAuthority, !slices.Equal(a.authority, b.authority))
		add(fAdditional, !slices.Equal(a.additional, b.additional))
	} else {
		add(fAnswer, !p.isInZone(a.answer) || !p.isInZone(b.answer))
	}
	add(fOPT, (a.opt == nil) != (b.opt == nil))
	if a.opt != nil && b.opt != nil {
		add(fVersion, a.opt.version != b.opt.version)
		add(fSize, a.opt.size != b.opt.size)
		add(fEDNSFlags, a.opt.flags != b.opt.flags)
		for _, code := range codes(a.opt.options, b.opt.options) {
			add(fOption(code), !slices.Equal(withCode(a.opt.options, code), withCode(b.opt.options, code)))
		}
	}
	return fs
}

// codes are those of all options, once.
func codes(lists ...[]option) (all []uint16) {
	for _, o := range slices.Concat(lists...) {
		all = append(all, o.code)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

func withCode(options []option, code uint16) (some []option) {
	for _, o := range options {
		if o.code == code {
			some = append(some, o)
		}
	}
	return some
}

// String shows of the other reply's sections only what differs.
func (p *pair) String() string {
	ours, theirs := *p.ours, *p.theirs
	for _, s := range [][2]*[]string{{&ours.answer, &theirs.answer}, {&ours.authority, &theirs.authority}, {&ours.additional, &theirs.additional}} {
		a, b := *s[0], *s[1]
		*s[0], *s[1] = without(a, b), without(b, a)
	}
	return fmt.Sprintf("%v [%v]\n  rollcall: %v\n  %s: %v", p.question, p.where, &ours, p.peer, &theirs)
}

// without gives the lines of a that b has less often.
func without(a, b []string) (rest []string) {
	b = slices.Clone(b)
	for _, line := range a {
		if i := slices.Index(b, line); i >= 0 {
			b = slices.Delete(b, i, i+1)
		} else {
			rest = append(rest, line)
		}
	}
	return rest
}

// kind says what a difference may depend on.
func (p *pair) kind() string {
	kind := fmt.Sprintf("class %s opcode %d", dns.Class(p.class), p.opcode)
	switch {
	case slices.Contains(metaTypes, p.typ) || p.typ == dns.TypeANY:
		kind += " " + dns.Type(p.typ).String()
	case slices.Contains(otherTypes, p.typ):
		kind += " other type"
	}
	if p.edns != nil && p.edns.version > 0 {
		kind += " EDNS version"
	}
	return fmt.Sprintf("%s, %s and %s", kind, rcodeName(p.ours.rcode), rcodeName(p.theirs.rcode))
}
