package static

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
)

func TestParseReadsEveryKindOfRecord(t *testing.T) {
	const file = `
records:
  - name: db                     # two records, as a list
    a: [10.0.0.7, 10.0.0.8]
    aaaa: 2001:db8::7
    ttl: 30s
  - {name: "*.apps", cname: edge.example.com.}
  - name: _pg._tcp.db
    srv:
      - {priority: 10, weight: 5, port: 5432, target: db}
      - {port: 5433, target: replica.example.com.}
  - name: info
    txt: ["v=1", "owner=team a", [one record, two strings], 'it''s "quoted"']
  - {name: "@", a: &here 10.0.0.1}
  - {name: Shop.EU, a: *here}
`
	records, err := Parse("records.yaml", []byte(file))
	if err != nil {
		t.Fatal(err)
	}
	want := `
svc.internal. 5 IN A 10.0.0.1
*.apps.svc.internal. 5 IN CNAME edge.example.com.
db.svc.internal. 30 IN A 10.0.0.7
db.svc.internal. 30 IN A 10.0.0.8
db.svc.internal. 30 IN AAAA 2001:db8::7
_pg._tcp.db.svc.internal. 5 IN SRV 0 0 5433 replica.example.com.
_pg._tcp.db.svc.internal. 5 IN SRV 10 5 5432 db.svc.internal.
shop.eu.svc.internal. 5 IN A 10.0.0.1
info.svc.internal. 5 IN TXT "v=1"
info.svc.internal. 5 IN TXT "one record" "two strings"
info.svc.internal. 5 IN TXT "owner=team a"
info.svc.internal. 5 IN TXT "it's \"quoted\""
`
	if got := "\n" + listed(t, records); got != want {
		t.Errorf("got%s\nwant%s", got, want)
	}
}

func TestLongTextTakesSeveralStrings(t *testing.T) {
	long := strings.Repeat("0123456789", 60)
	records, err := Parse("f", []byte("records: [{name: key, txt: "+long+"}]"))
	if err != nil {
		t.Fatal(err)
	}
	want := fmt.Sprintf("key.svc.internal. 5 IN TXT %q %q %q\n", long[:255], long[255:510], long[510:])
	if got := listed(t, records); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if id := records[0].ID; len(id) > 255 {
		t.Errorf("its ID has %d octets", len(id))
	}
}

func TestNoRecordsAreSaidSo(t *testing.T) {
	if records, err := Parse("f", []byte("# none yet\nrecords: []\n")); err != nil || len(records) != 0 {
		t.Errorf("%d records, %v", len(records), err)
	}
}

// Each file has one fault on each of the lines that end in a comment, and all are
// told at once.
func TestFaultsSayWhatIsWrongAndWhere(t *testing.T) {
	for _, tt := range []struct{ name, file, want string }{
		{"empty", "", `f:1:1: must have the key records with a list; "records: []" is none`},
		{"comments alone", "# soon\n", `f:1:1: must have the key records with a list; "records: []" is none`},
		{"no mapping", "db", `f:1:1: "db" must have the key records with a list; "records: []" is none`},
		{"no list", "records: db", `f:1:10: records "db" must be a list of entries such as "- name: db"`},
		{"nothing behind the key", "records:", `f:1:9: records must be a list of entries such as "- name: db"`},
		{"another key", "records: []\nrecord: []", `f:2:1: "record" is not a key of this file: it has records alone`},
		{"records twice", "records: []\nrecords: []", `f:2:1: "records" must not be given twice`},
		{"no YAML", "records:\n  - name: [db\n", "f:3:1: must be YAML: did not find expected ',' or ']'"},
		{"star without quotes", "records:\n  - name: *.apps\n", `f:2:11: must be YAML: unknown anchor '.apps' referenced (a value that begins with "*" or "@" needs quotes)`},
		{"two documents", "records: []\n---\nrecords: []\n", `f:2:1: must be the end: a file is one YAML document`},
		{"entry that is none", "records:\n  - db\n", `f:2:5: "db" must be an entry such as {name: db, a: 10.0.0.7}`},
		{"entry without a name", "records:\n  - a: 10.0.0.7\n", "f:2:5: must have a name"},
		{"entry without records", "records:\n  - name: db\n", `f:2:5: entry "db": must have at least one of a, aaaa, cname, srv and txt`},
		{"everything at once", `records:
  - name: db
    a: [10.0.0.300, 10.0.0.7, "::1"]
    aaaa: 10.0.0.7
    ttl: 30
    port: 80
  - {name: db., a: 10.0.0.8}
  - {name: a..b, txt: x, a: 10.0.0.9}
  - name: _x._tcp
    srv: [{port: 65536, target: db}, {target: db}, {port: 1, target: "a..b", prio: 1}, 5432]
  - {name: t, txt: {a: b}, ttl: 1ms}
  - {name: c, cname: .}
  - {name: ns.dns, a: 10.0.0.1}
  - {name: a.*.b, a: 10.0.0.1}
`, `f:3:9: entry "db": a "10.0.0.300" must be an IPv4 address
f:3:31: entry "db": a "::1" must be an IPv4 address
f:4:11: entry "db": aaaa "10.0.0.7" must be an IPv6 address without a zone
f:5:10: entry "db": ttl "30" must be a duration of at least 1s, such as 30s or 5m
f:6:5: entry "db": "port" is not a key of an entry: those are name, ttl, a, aaaa, cname, srv or txt
f:7:12: entry "db.": name "db." must be relative to the domain, without a final dot
f:8:12: entry "a..b": name "a..b" must be a name relative to the domain: it has an empty label
f:10:18: entry "_x._tcp": srv.port "65536" must be a number from 0 to 65535
f:10:38: entry "_x._tcp": srv must have a port and a target
f:10:70: entry "_x._tcp": srv "a..b" must be a name: it has an empty label
f:10:78: entry "_x._tcp": srv "prio" is not a key of srv: those are priority, weight, port and target
f:10:88: entry "_x._tcp": srv "5432" must be such as {priority: 10, weight: 5, port: 5432, target: db}
f:11:20: entry "t": txt must be text, or a list of texts for one record of several strings
f:11:33: entry "t": ttl "1ms" must be a duration of at least 1s, such as 30s or 5m
f:12:22: entry "c": cname "." must not be the root
f:13:12: entry "ns.dns": name "ns.dns" must not be ns.dns: that is the name server
f:14:12: entry "a.*.b": name "a.*.b" must have "*" as its first label only`},
		{"beside an alias", `records:
  - {name: www, cname: web}
  - {name: WWW, a: 10.0.0.7}
  - {name: two, cname: [a, b]}
  - {name: "@", cname: web}
`, `f:2:24: entry "www": cname "web" must stand alone: line 3 has another record of this name
f:4:28: entry "two": cname "b" must stand alone: line 4 has another record of this name
f:5:12: entry "@": name "@" must not be the domain itself, which has other records`},
		{"twice", `records:
  - {name: db, a: [10.0.0.7, 10.0.0.7]}
  - {name: DB, ttl: 5s, a: 10.0.0.7}
  - {name: x, name: y, a: 10.0.0.7}
`, `f:2:30: entry "db": a "10.0.0.7" must not be given twice: it is in line 2 too
f:3:28: entry "DB": a "10.0.0.7" must not be given twice: it is in line 2 too
f:4:15: entry "x": "name" must not be given twice`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			records, err := Parse("f", []byte(tt.file))
			if err == nil || len(records) > 0 || err.Error() != tt.want {
				t.Errorf("%d records, and\n%v\nwant\n%s", len(records), err, tt.want)
			}
		})
	}
}

func TestFaultsAndRecordsAreBounded(t *testing.T) {
	var faults Faults
	_, err := Parse("f", []byte("records:\n"+strings.Repeat("  - {name: db, a: x}\n", 1000)))
	if !errors.As(err, &faults) || len(faults) != maxFaults || !strings.HasSuffix(err.Error(), "\nand perhaps more") {
		t.Errorf("%d faults, want %d and a word of more", len(faults), maxFaults)
	}
	var b strings.Builder
	b.WriteString("records:\n")
	for i := range maxRecords + 1 {
		fmt.Fprintf(&b, "- {name: n%d, a: 10.0.0.1}\n", i)
	}
	_, err = Parse("f", []byte(b.String()))
	if want := "f:100002:3: must not follow more than 100000 records"; err == nil || err.Error() != want {
		t.Errorf("too many records: %v, want %s", err, want)
	}
}

// Whatever stands in the file, Parse gives records that a zone takes, or faults.
func FuzzParse(f *testing.F) {
	f.Add([]byte("records:\n  - {name: db, a: [10.0.0.7], ttl: 5s, txt: [[a, b], c]}\n  - {name: \"*.x\", cname: y.}\n"))
	f.Add([]byte("records: [{name: &a x, srv: {port: 1, target: *a}}]"))
	f.Fuzz(func(t *testing.T, data []byte) {
		records, err := Parse("f", data)
		if faults := (Faults{}); err != nil && (!errors.As(err, &faults) || len(faults) == 0) {
			t.Fatalf("error %v without faults", err)
		}
		seen := map[string]bool{}
		for _, st := range records {
			if err := st.Validate(); err != nil || seen[st.ID] || st.TTL < 0 || st.TTL > 1<<31*time.Second {
				t.Fatalf("record %q, %v, seen before: %v", st.ID, err, seen[st.ID])
			}
			seen[st.ID] = true
		}
	})
}
