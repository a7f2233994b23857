package docker

import (
	"cmp"
	"errors"
	"strconv"
	"strings"

	"github.com/rollcall-dns/rollcall/zone"
)

// label makes a DNS label of any text: lower case, "-" for what a host name may
// not have, none at the ends. It is "" when nothing is left.
func label(s string) string {
	s = strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9', r == '-', r == '_':
			return r
		}
		return '-'
	}, strings.ToLower(s))
	return strings.Trim(s, "-_")
}

// dotted makes a name of one or more labels of any text.
func dotted(s string) string {
	var labels []string
	for part := range strings.SplitSeq(s, ".") {
		if l := label(part); l != "" {
			labels = append(labels, l)
		}
	}
	return strings.Join(labels, ".")
}

// rule asks the zone whether it takes an instance that has only the given part,
// so that its rules stand in one place. It gives the rule that is broken, or "".
func rule(part zone.Instance) string {
	part.ID = "x"
	if part.Service == "" {
		part.Service = "x"
	}
	var f *zone.FieldError
	if errors.As(part.Validate(), &f) {
		return f.Reason
	}
	return ""
}

// names finds the service, its aliases and the host of a container: what a label
// or variable says, else what compose says, else the name of the container.
func (b *builder) names(in *zone.Instance) error {
	if v := b.set.find("service", "name"); v.given() {
		in.Service = dotted(v.text)
		if broken := rule(zone.Instance{Service: in.Service}); in.Service == "" || broken != "" {
			b.fault(v.fault("is no name for a service: it " + cmp.Or(broken, "has no letter or digit")))
			in.Service = ""
		} else if in.Service != strings.ToLower(v.text) {
			b.fault(v.fault("is used as " + strconv.Quote(in.Service)))
		}
	}
	if in.Service == "" {
		b.composeNames(in)
	}
	if in.Service == "" {
		in.Service = dotted(b.c.name)
		if broken := rule(zone.Instance{Service: in.Service}); in.Service == "" || broken != "" {
			in.Service = label(b.c.name)
		}
	}
	if in.Service == "" || rule(zone.Instance{Service: in.Service}) != "" {
		return errors.New("its name makes no name for a service: give it a label " + ownPrefix + "service")
	}
	in.Host = b.host()
	return nil
}

func (b *builder) composeNames(in *zone.Instance) {
	service, project := label(b.c.labels[composeService]), label(b.c.labels[composeProject])
	switch {
	case service == "":
	case project == "":
		in.Service = service
	default:
		in.Service, in.Aliases = service+"."+project, []string{service}
	}
	if in.Service != "" && rule(zone.Instance{Service: in.Service, Aliases: in.Aliases}) != "" {
		in.Service, in.Aliases = "", nil
	}
}

// host gives the label of the container within its service; "" leaves it to the
// zone, which makes one of the ID.
func (b *builder) host() string {
	if v := b.set.find("host", ""); v.given() {
		h := label(v.text)
		broken := rule(zone.Instance{Host: h})
		if h != "" && broken == "" {
			return h
		}
		b.fault(v.fault("is no host: it " + cmp.Or(broken, "has no letter or digit")))
	}
	return validHost(label(b.c.name))
}

func validHost(h string) string {
	if rule(zone.Instance{Host: h}) != "" {
		return ""
	}
	return h
}
