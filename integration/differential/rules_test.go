//go:build conformance

package differential

import (
	"encoding/hex"
	"slices"
	"strings"

	"github.com/miekg/dns"
)

// A rule explains differences in some fields of the replies of some peers. It is
// stale when it explains none in the replies of one of them.
type rule struct {
	name   string
	peers  []string
	fields []field
	holds  func(*pair) bool
	why    string
}

var (
	everyone = []string{"knotd", "nsd", "named"}
	sections = []field{fAnswer, fAuthority, fAdditional}
	content  = append([]field{fRcode, fTC}, sections...)
	// refusal is all in which a refusal can differ from an answer, and from another.
	refusal = append([]field{fAA, fRD, fCD, fQuestion, fOPT, fEDNSFlags}, content...)
)

// rules are tried in this order: the first that holds explains a difference.
var rules = []rule{
	{"opcode", everyone, append([]field{fReply, fRA, fZ, fAD}, refusal...),
		func(p *pair) bool { return p.opcode != dns.OpcodeQuery && p.ours.isBare(dns.RcodeNotImplemented) },
		"Opcodes other than QUERY are NOTIMP with nothing but the header: no flag is repeated, because it may mean something else there (RFC 8906 §3.1.4). The peers repeat RD, the question or OPT, and implement NOTIFY or UPDATE."},
	{"class", everyone, append([]field{fReply, fOption(dns.EDNS0EDE)}, refusal...),
		func(p *pair) bool { return p.class != dns.ClassINET && p.ours.refuses(dns.RcodeRefused) },
		"There are only zones of class IN: every other class is REFUSED, also ANY, which knotd and nsd answer, and CH, in which they tell their version. named calls classes that it does not know NOTIMP, and those of RFC 2136 FORMERR."},
	{"NSID of refusals", everyone, []field{fOption(dns.EDNS0NSID)},
		func(p *pair) bool {
			return p.ours.turnsDown() && p.ours.opt != nil && len(withCode(p.ours.opt.options, dns.EDNS0NSID)) == 0
		},
		"Replies that turn a query down carry no NSID: they are hardly longer than what is asked, so that a forged address is no target (RFC 5358). The peers tell their name in those too (RFC 5001 §2.1)."},
	{"EDNS version", []string{"nsd", "named"}, []field{fAA, fTC, fRA, fZ, fCD, fEDNSFlags},
		func(p *pair) bool { return p.edns != nil && p.edns.version > 0 && p.ours.refuses(dns.RcodeBadVers) },
		"BADVERS repeats RD and DO, and nothing else of a query in another version, whose options may look otherwise (RFC 6891 §6.1.3). nsd repeats the whole header, and named CD."},
	{"type OPT", []string{"knotd", "nsd"}, refusal,
		func(p *pair) bool { return p.typ == dns.TypeOPT && p.ours.refuses(dns.RcodeFormatError) },
		"OPT is no type that can be asked for (RFC 6891 §6.1.1)."},
	{"type NXNAME", everyone, append([]field{fOption(dns.EDNS0EDE)}, refusal...),
		func(p *pair) bool { return p.typ == dns.TypeNXNAME && p.ours.refuses(dns.RcodeFormatError) },
		"NXNAME is FORMERR with extended error 30 (RFC 9824 §3.5), which is younger than the peers."},
	{"zone transfer", everyone, append([]field{fReply, fOption(dns.EDNS0EDE)}, refusal...),
		func(p *pair) bool {
			return (p.typ == dns.TypeAXFR || p.typ == dns.TypeIXFR) && p.ours.refuses(dns.RcodeRefused)
		},
		"Zones are not transferred: REFUSED (RFC 5936 §2.2.1), whatever the name and transport."},
	{"meta type", everyone, append([]field{fOption(dns.EDNS0EDE)}, refusal...),
		func(p *pair) bool { return isMeta(p.typ) && p.ours.refuses(dns.RcodeNotImplemented) },
		"Types that are questions about the message or the server are NOTIMP (RFC 8906 §7): for them NOERROR would be a lie, and FORMERR blames the asker."},
	{"ANY", everyone, content,
		func(p *pair) bool { return p.typ == dns.TypeANY && p.ours.isMinimalAny() },
		"ANY is answered with one HINFO record (RFC 8482 §4.2), over TCP too. knotd and nsd give one set (§4.1), named all."},

	{"special names", everyone, append([]field{fAA, fOption(dns.EDNS0EDE)}, content...),
		func(p *pair) bool { return p.where == special && p.theirs.refuses(dns.RcodeRefused) },
		"Names that mean something to this host alone, or nothing to anybody, are answered and never asked of others (RFC 6761 §6, RFC 8375, RFC 9462, RFC 9476). The peers refuse what is in none of their zones."},
	{"silent names", everyone, content,
		func(p *pair) bool { return p.where == silent && p.ours.isNoData() && p.theirs.isNXDomain() },
		"What is registered exists, also while nothing of it is up: NODATA, so that clients go on asking (RFC 2308 §2.2). A file cannot hold such names."},
	{"stacked tags", everyone, content,
		func(p *pair) bool {
			return p.where == stacked && p.ours.rcode == dns.RcodeSuccess && p.theirs.isNXDomain()
		},
		"Tags asked for together are computed, up to four in any order, and so not in the file."},
	{"partial addresses", everyone, content,
		func(p *pair) bool { return p.where == partial && p.ours.isNoData() && p.theirs.isNXDomain() },
		"In a reverse zone only whole addresses can be absent: a resolver that minimises its questions must not stop on the way to one (RFC 9156 §3). The peers know that nothing is below."},

	{"aliases in a circle", []string{"named"}, []field{fRcode},
		func(p *pair) bool {
			return p.theirs.rcode == dns.RcodeServerFailure && p.ours.rcode == dns.RcodeSuccess && slices.Equal(p.ours.answer, p.theirs.answer)
		},
		"A CNAME that leads back ends the answer, which holds the whole circle once: with SERVFAIL, as from named, a client asks each of its servers (RFC 1034 §3.6.2)."},
	{"DNSSEC types at an alias", everyone, append([]field{fAA}, content...),
		func(p *pair) bool {
			return slices.Contains(besideAlias, p.typ) && p.ours.hasAlias() && p.theirs.isNoData()
		},
		"A CNAME is followed for every type but its own. The peers do not follow it for those that stand beside it in signed zones (RFC 4035 §2.5), which ours are not."},
	{"CD", []string{"knotd", "nsd"}, []field{fCD},
		func(p *pair) bool { return p.ours.flags&bitCD == p.flags&bitCD && p.theirs.flags&bitCD == 0 },
		"CD is copied (RFC 4035 §3.2.2)."},
	{"small EDNS size", []string{"knotd"}, append([]field{fOption(dns.EDNS0COOKIE)}, refusal...),
		func(p *pair) bool {
			return p.edns != nil && p.edns.size < dns.MinMsgSize && p.theirs.rcode == dns.RcodeFormatError
		},
		"A size below 512 counts as 512 (RFC 6891 §6.2.3); to knotd it is an error."},
	{"type 0", []string{"knotd"}, refusal,
		func(p *pair) bool { return p.typ == dns.TypeNone && p.theirs.rcode == dns.RcodeNotImplemented },
		"Type 0 is a type that nothing has, like every unknown one (RFC 3597 §3)."},
	{"NS beside the answer", []string{"nsd"}, []field{fAuthority},
		func(p *pair) bool { return len(p.ours.authority) == 0 && slices.Equal(p.theirs.authority, p.apexNS()) },
		"Answers hold what was asked, and no NS records beside it, which no stub resolver uses."},
	{"addresses of that NS", []string{"nsd"}, []field{fAdditional},
		func(p *pair) bool {
			return len(p.theirs.authority) > 0 && slices.Equal(p.ours.additional, p.theirGlue())
		},
		"They would be of use with those records alone."},
	{"NSID twice", []string{"nsd"}, []field{fForm},
		func(p *pair) bool {
			return p.theirs.broken != nil && len(withCode(p.edns.options, dns.EDNS0NSID)) > 1
		},
		"An option that comes twice counts once. nsd answers two NSIDs with a record that ends behind the message."},
	{"glue of another zone", everyone, []field{fAdditional},
		func(p *pair) bool {
			return p.typ == dns.TypeNS && slices.Equal(without(p.ours.additional, p.server()), p.theirs.additional)
		},
		"The name server of a reverse zone comes with its address, which is in another zone of ours (RFC 1034 §4.3.2, step 6)."},
	{"keepalive", everyone, []field{fOption(dns.EDNS0TCPKEEPALIVE)},
		func(p *pair) bool { return p.tcp && p.asks(dns.EDNS0TCPKEEPALIVE) },
		"Over TCP, who asks is told for how long a connection may be idle (RFC 7828 §3.3.2), which each server decides."},
	{"service browsing", everyone, []field{fAdditional},
		func(p *pair) bool {
			return p.typ == dns.TypePTR && len(p.theirGlue()) == 0 && len(p.ours.additional) > 0 && p.isInZone(p.ours.additional)
		},
		"The SRV, TXT and address records of an instance come with the PTR record that lists it (RFC 6763 §12.1)."},
	{"glue of HTTPS", everyone, []field{fAdditional},
		func(p *pair) bool { return p.typ == dns.TypeHTTPS && p.isInZone(p.ours.additional) },
		"The addresses of its target come with an HTTPS record (RFC 9460 §4.1). nsd adds none, named none of the name that is asked, and knotd the HTTPS records of the target too."},
	{"glue repeated", []string{"knotd"}, []field{fAdditional},
		func(p *pair) bool { return slices.Equal(p.ours.additional, p.theirGlue()) },
		"Records in a message are a set (RFC 2181 §5): knotd repeats the addresses of a target for each SRV record that names it."},
	{"glue of the name itself", []string{"named"}, []field{fAdditional},
		func(p *pair) bool {
			return p.typ == dns.TypeSRV && slices.Equal(ownedByOthers(p.ours.additional, p.name), p.theirGlue())
		},
		"An instance is the target of its own SRV records: its addresses come with them (RFC 2782), so that nobody has to ask again. named leaves out those of the name that is asked."},
	{"glue that does not fit", everyone, []field{fAdditional},
		func(p *pair) bool {
			glue, ours, theirs := p.glue(), p.ours.additional, p.theirGlue()
			return p.typ == dns.TypeSRV && isPart(ours, glue) && isPart(theirs, glue) && len(ours)+len(theirs) < 2*len(glue) &&
				p.wholeSets(ours) && (!p.tcp || len(ours) == len(glue))
		},
		"Addresses of SRV targets are added as whole sets as long as they fit, and their absence is no truncation (RFC 2181 §9): each server chooses which."},
	{"what just fits", everyone, []field{fTC},
		func(p *pair) bool { return !p.tcp && (p.typ == dns.TypePTR || p.nearLimit()) },
		"How much fits depends on the pointers (RFC 1035 §4.1.4) and EDNS options of a reply. Ours point into the question alone, which is of no use in reverse zones: an address with many names is cut a little earlier."},
	{"AD with TC", []string{"named"}, []field{fAD},
		func(p *pair) bool { return p.flags&bitAD != 0 && p.theirs.flags&bitTC != 0 && p.ours.flags&bitAD == 0 },
		"AD says that data was validated (RFC 6840 §5.8), which nobody has done here. named leaves the asker's bit in replies that it cuts."},
	{"cookies", []string{"knotd", "nsd"}, []field{fOption(dns.EDNS0COOKIE)},
		func(p *pair) bool { return p.asks(dns.EDNS0COOKIE) && p.theirs.lacks(dns.EDNS0COOKIE) },
		"Cookies (RFC 7873) are given to whoever sends one; the peers must be told to."},
	{"client subnet", []string{"named"}, []field{fOption(dns.EDNS0SUBNET)},
		func(p *pair) bool { return p.asks(dns.EDNS0SUBNET) && p.ours.lacks(dns.EDNS0SUBNET) },
		"Client subnets (RFC 7871) do not choose the answer, and are ignored as every option that means nothing here (RFC 6891 §6.1.2)."},
	{"EXPIRE", []string{"knotd", "named"}, []field{fOption(dns.EDNS0EXPIRE)},
		func(p *pair) bool { return p.asks(dns.EDNS0EXPIRE) && p.ours.lacks(dns.EDNS0EXPIRE) },
		"EXPIRE (RFC 7314) is for secondaries."},
	{"extended errors", everyone, []field{fOption(dns.EDNS0EDE)},
		func(p *pair) bool { return p.theirs.rcode != dns.RcodeSuccess && p.theirs.rcode != dns.RcodeNameError },
		"Extended errors (RFC 8914) are free for each server to give."},
}

// besideAlias are the types that a signed zone has beside a CNAME record.
var besideAlias = []uint16{dns.TypeRRSIG, dns.TypeNSEC, dns.TypeNSEC3}

// isMeta reports whether a type is a question about the message or the server, and
// not about data (RFC 6895 §3.1).
func isMeta(typ uint16) bool { return typ >= 128 && typ < dns.TypeANY }

func (r *reply) isNoData() bool { return r.rcode == dns.RcodeSuccess && len(r.answer) == 0 }

func (r *reply) isNXDomain() bool { return r.rcode == dns.RcodeNameError }

// turnsDown reports whether a reply says no, and nothing else.
func (r *reply) turnsDown() bool {
	for _, rcode := range []int{dns.RcodeFormatError, dns.RcodeNotImplemented, dns.RcodeRefused, dns.RcodeBadVers} {
		if r.refuses(rcode) {
			return true
		}
	}
	return false
}

// refuses reports whether the reply is an error without a record and without AA.
func (r *reply) refuses(rcode int) bool {
	return r.rcode == rcode && len(r.answer)+len(r.authority)+len(r.additional) == 0 && r.flags&(bitAA|bitTC|bitRA|bitZ|bitAD) == 0
}

// isBare reports whether the reply is an error that repeats nothing.
func (r *reply) isBare(rcode int) bool {
	return r.refuses(rcode) && r.flags == 0 && r.question == "" && r.opt == nil
}

func (r *reply) hasAlias() bool {
	return slices.ContainsFunc(r.answer, func(line string) bool { return strings.Contains(line, " IN CNAME ") })
}

func (r *reply) isMinimalAny() bool {
	return r.rcode == dns.RcodeSuccess && len(r.answer) == 1 && len(r.authority)+len(r.additional) == 0
}

// nearLimit reports whether the reply that was not cut has no room for 64 octets more,
// or for its owners without pointers.
func (p *pair) nearLimit() bool {
	limit := dns.MinMsgSize
	if p.edns != nil {
		limit = min(max(int(p.edns.size), limit), 1232)
	}
	owners := len(p.name) * len(p.ours.answer)
	return !p.tcp && max(p.ours.size, p.theirs.size)+64+owners > limit
}

// asks reports whether the question has an option.
func (q *question) asks(code uint16) bool {
	return q.edns != nil && len(withCode(q.edns.options, code)) > 0
}

func (r *reply) lacks(code uint16) bool {
	return r.opt == nil || len(withCode(r.opt.options, code)) == 0
}

// glue is all addresses of the targets of the SRV records in our answer.
func (p *pair) glue() (all []string) {
	for _, line := range p.ours.answer {
		if !strings.Contains(line, " IN SRV ") {
			continue // an alias before them
		}
		target, _ := hex.DecodeString(line[strings.LastIndexByte(line, ' ')+1:])
		for _, t := range [...]uint16{dns.TypeA, dns.TypeAAAA} {
			all = append(all, p.world.set(string(target[6:]), t)...)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// ownedByOthers leaves out the records of a name.
func ownedByOthers(lines []string, name string) (rest []string) {
	for _, line := range lines {
		if !strings.HasPrefix(line, strings.ToLower(presentation(name))+" ") {
			rest = append(rest, line)
		}
	}
	return rest
}

// theirGlue is their additional section as a set, without what nsd adds for the zone.
func (p *pair) theirGlue() []string {
	theirs := slices.Compact(slices.Clone(p.theirs.additional))
	if p.peer == "nsd" && len(p.theirs.authority) > 0 {
		theirs = without(theirs, p.server())
	}
	return theirs
}

func isPart(some, all []string) bool { return len(without(some, all)) == 0 }

// isInZone reports whether all records are in the zones, perhaps by a wildcard for
// the name that is asked.
func (p *pair) isInZone(lines []string) bool {
	var own []string
	for _, line := range p.world.set(lower(p.name), p.typ) {
		own = append(own, withoutTTL(line))
	}
	return !slices.ContainsFunc(lines, func(line string) bool {
		line = withoutTTL(line)
		return !p.world.lines[line] && !slices.Contains(own, line)
	})
}

// wholeSets reports whether no set of our additional section lacks a record.
func (p *pair) wholeSets(additional []string) bool {
	for _, set := range p.world.sets {
		if n := len(without(set, additional)); n > 0 && n < len(set) {
			return false
		}
	}
	return true
}

// apexNS are the NS records of the zone that the question is in.
func (p *pair) apexNS() []string {
	return p.world.sets[setKey(p.world.apex(lower(p.name)), dns.TypeNS)]
}

// server is the name server's address.
func (p *pair) server() []string {
	return p.world.sets[setKey("\x02ns\x03dns"+p.world.domain, dns.TypeA)]
}
