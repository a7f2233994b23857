package docker

import (
	"strings"

	"github.com/rollcall-dns/rollcall/zone"
)

// fallback reads whether the container's instances are answered when their checks fail
// and none is up.
func (b *builder) fallback(checked bool) zone.Fallback {
	v := b.set.find("fallback", "")
	if !v.given() {
		return zone.FallbackNone
	}
	f, ok := zone.ParseFallback(strings.ToLower(v.text))
	switch {
	case !ok:
		b.fault(v.fault(zone.FallbackRule))
	case f != zone.FallbackNone && !checked:
		b.fault(v.fault("has no effect: it is about what fails a check of a label " + ownPrefix + "check.*, and there is none"))
	}
	return f
}
