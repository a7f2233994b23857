package zone

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Apex is the Owner or Target that means the domain itself.
const Apex = "@"

// Static is one record that a source gives as it is. It is for every asker, and is
// answered together with those that instances have at its name. Like theirs it is
// in every domain. A zone keeps what it is given: Data is not changed after Apply.
type Static struct {
	ID string // unique among the instances and static records of its source, 1 to 255 octets
	// Owner is relative to each domain, without a final dot: "db", "_pg._tcp.db",
	// or Apex. With a first label "*" it stands for every name below that does not
	// exist, however deep (RFC 4592).
	Owner string
	Type  uint16        // TypeA, TypeAAAA, TypeCNAME, TypeSRV or TypeTXT
	TTL   time.Duration // 0: the zone's default; whole seconds are used
	// Data is the record's data in wire form; of SRV what stands before the target,
	// of CNAME nothing.
	Data []byte
	// Target is the name at the end of SRV and CNAME: relative to the domain that is
	// asked, or Apex, or with a final dot anywhere. A CNAME beside other data of its
	// name is not answered while that is there (RFC 2181 §10.1): see Shadowed.
	Target string
}

const (
	maxOwner  = maxName - maxDomain // octets of a relative name without the root label: with each domain it is a name
	wildLabel = "\x01*"
)

// Validate checks everything about a static record that does not depend on others.
// The error joins one *FieldError for each fault; errors.As finds the first.
func (st *Static) Validate() error {
	var f faults
	if st.ID == "" || len(st.ID) > maxID {
		f.add("ID", st.ID, "must have 1 to 255 octets")
	}
	f.owner(st)
	if st.TTL < 0 || st.TTL > maxTTL {
		f.add("TTL", st.TTL.String(), "must be 0 to 2147483647 s")
	}
	switch st.Type {
	case TypeA:
		f.size(st, 4)
	case TypeAAAA:
		f.size(st, 16)
	case TypeSRV:
		f.size(st, 6)
	case TypeCNAME:
		f.size(st, 0)
	case TypeTXT:
		f.text(st.Data)
	default:
		f.add("Type", strconv.Itoa(int(st.Type)), "must be A, AAAA, CNAME, SRV or TXT")
		return errors.Join(f...)
	}
	f.target(st)
	return errors.Join(f...)
}

func (f *faults) owner(st *Static) {
	rel, absolute, err := parseTarget(st.Owner)
	switch {
	case err != nil:
		f.add("Owner", st.Owner, "must be a name relative to the domain: it "+err.Error())
	case absolute:
		f.add("Owner", st.Owner, "must be relative to the domain, without a final dot")
	case hasLabel(strings.TrimPrefix(rel, wildLabel), "*"):
		f.add("Owner", st.Owner, `must have "*" as its first label only`)
	case rel == selfName:
		f.add("Owner", st.Owner, "must not be ns.dns: that is the name server")
	case rel == "" && st.Type == TypeCNAME:
		f.add("Owner", st.Owner, "must not be the domain itself, which has other records")
	}
}

func (f *faults) size(st *Static, n int) {
	if len(st.Data) != n {
		f.add("Data", fmt.Sprintf("%x", st.Data), fmt.Sprintf("must have %d octets", n))
	}
}

// text checks the character-strings of a TXT record (RFC 1035 §3.3.14).
func (f *faults) text(d []byte) {
	switch {
	case len(d) == 0:
		f.add("Data", "", "must have at least one string")
	case len(d) > maxTXT:
		f.add("Data", fmt.Sprintf("%d octets", len(d)), fmt.Sprintf("must have at most %d octets in all", maxTXT))
	}
	for rest := d; len(rest) > 0; rest = rest[1+int(rest[0]):] {
		if 1+int(rest[0]) > len(rest) {
			f.add("Data", fmt.Sprintf("%x", d), "must be whole character-strings")
			return
		}
	}
}

func (f *faults) target(st *Static) {
	switch st.Type {
	case TypeSRV, TypeCNAME:
		if _, _, err := parseTarget(st.Target); err != nil {
			f.add("Target", st.Target, "must be a name: it "+err.Error())
		} else if st.Target == "." && st.Type == TypeCNAME {
			f.add("Target", st.Target, "must not be the root")
		}
	default:
		if st.Target != "" {
			f.add("Target", st.Target, "must be empty: records of this type have none")
		}
	}
}

// parseTarget reads a name that is relative to the domain, as Apex is too, or has
// a final dot. The wire form of a relative one lacks the root label.
func parseTarget(s string) (wire string, absolute bool, err error) {
	if s == Apex {
		return "", false, nil
	}
	if s == "." {
		return string(Root), true, nil
	}
	if body, dot := finalDot(s); dot {
		wire, err = parseLabels(body)
		return wire + string(Root), true, err
	}
	switch wire, err = parseLabels(s); {
	case err != nil:
	case wire == "":
		err = errors.New("is empty")
	case len(wire) > maxOwner:
		err = fmt.Errorf("is longer than %d octets", maxOwner-1)
	}
	return wire, false, err
}

// finalDot takes the final dot off a name, unless that belongs to its last label.
func finalDot(s string) (body string, ok bool) {
	body, ok = strings.CutSuffix(s, ".")
	escapes := len(body) - len(strings.TrimRight(body, `\`))
	return body, ok && escapes%2 == 0
}

func hasLabel(rel, label string) bool {
	for ; rel != ""; rel = cut(rel) {
		if first(rel) == label {
			return true
		}
	}
	return false
}

// Equal reports whether two static records are the same.
func (st *Static) Equal(o *Static) bool {
	return st.ID == o.ID && st.Owner == o.Owner && st.Type == o.Type && st.TTL == o.TTL &&
		string(st.Data) == string(o.Data) && st.Target == o.Target
}
