package docker

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/rollcall-dns/rollcall/zone"
)

// tags reads a list of tags and leaves out what is none.
func (b *builder) tags(v value) (tags []string) {
	for _, t := range parseTags(v.text) {
		switch {
		case rule(zone.Instance{Tags: []string{t}}) != "":
			b.fault(fmt.Errorf("%s: the tag %.20q… %s", v.from, t, rule(zone.Instance{Tags: []string{t}})))
		case rule(zone.Instance{Tags: append(tags, t)}) != "":
			b.fault(fmt.Errorf("%s has %d tags: only the first %d are used", v.from, len(parseTags(v.text)), len(tags)))
			return tags
		default:
			tags = append(tags, t)
		}
	}
	return tags
}

// meta takes the labels rollcall.meta.KEY. SERVICE_* attributes are not taken:
// variables hold secrets, and TXT records are for everyone.
func (b *builder) meta() map[string]string {
	var meta map[string]string
	for _, key := range slices.Sorted(maps.Keys(b.set.own)) { // faults come in one order
		k, ok := strings.CutPrefix(key, "meta.")
		if !ok {
			continue
		}
		text := b.set.own[key]
		if broken := rule(zone.Instance{Meta: map[string]string{k: text}}); broken != "" {
			b.fault(value{text, "label " + ownPrefix + key}.fault(broken))
			continue
		}
		if meta == nil {
			meta = map[string]string{}
		}
		meta[k] = text
	}
	if broken := rule(zone.Instance{Meta: meta}); broken != "" {
		b.fault(fmt.Errorf("labels %smeta.*: all are left out: they %s", ownPrefix, broken))
		return nil
	}
	return meta
}

func (b *builder) ttl() time.Duration {
	v := b.set.find("ttl", "")
	if !v.given() {
		return 0
	}
	d, err := time.ParseDuration(v.text)
	if n, errN := strconv.ParseUint(v.text, 10, 31); errN == nil {
		d, err = time.Duration(n)*time.Second, nil
	}
	if err != nil || d < time.Second || d > math.MaxInt32*time.Second {
		b.fault(v.fault("must be a time of 1s or more, such as 30s"))
		return 0
	}
	return d.Truncate(time.Second)
}

func (b *builder) number(key string) uint16 {
	v := b.set.find(key, "")
	if !v.given() {
		return 0
	}
	n, err := strconv.ParseUint(v.text, 10, 16)
	if err != nil {
		b.fault(v.fault("must be 0 to 65535"))
		return 0
	}
	return uint16(n)
}
