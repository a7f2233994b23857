package conformance

import (
	"fmt"
	"strings"
)

// instances are registered with each server that rows ask. The sources of queries are
// loopback addresses, which are on no network that a source knows.
var instances = bulk("glue", 8, `"10.1.0.%[1]d", "2001:db8:1::%[1]d"`) +
	bulk("trio", 3, `"10.2.0.%[1]d", "2001:db8:2::%[1]d"`) +
	bulk("huge", 100, `"10.3.0.%d"`) + `
	web web-1 {"addresses": ["10.0.0.7", "2001:db8::7"], "host": "web-1", "ports": [{"name": "http", "number": 8080}], "meta": {"version": "2.1"}, "tags": ["v2"]}
	secure secure-1 {"addresses": ["10.0.0.13"], "host": "secure-1", "ports": [{"name": "https", "number": 8443, "alpn": ["h2"]}]}
	v4 v4-1 {"addresses": ["10.0.0.8"], "host": "v4-1"}
	db.shop db-1 {"addresses": ["10.0.0.9"], "host": "db-1", "ports": [{"number": 5432}]}
	slow slow-1 {"addresses": ["10.0.0.10"], "host": "slow-1", "ttl": "1h"}
	mixed short {"addresses": ["10.0.0.20"], "host": "short", "ttl": "7s"}
	mixed long {"addresses": ["10.0.0.21"], "host": "long", "ttl": "9s"}
	down down-1 {"addresses": ["10.0.0.11"], "host": "down-1", "ports": [{"number": 80}], "state": "down"}
	ranks first {"addresses": ["10.0.1.1"], "host": "first", "ports": [{"number": 81}], "priority": 10, "weight": 1}
	ranks second {"addresses": ["10.0.1.2"], "host": "second", "ports": [{"number": 82}], "priority": 20, "weight": 60000}
	Camel Camel-1 {"addresses": ["10.0.0.12"], "host": "Camel-1", "ports": [{"number": 80}]}
`

// bulk is a service of n instances, with addresses that are numbered from 1.
func bulk(service string, n int, addresses string) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, `%[1]s %[1]s-%[2]d {"addresses": [%[3]s], "host": "%[1]s-%[2]d", "ports": [{"number": 80}]}`+"\n",
			service, 1+i, fmt.Sprintf(addresses, 1+i))
	}
	return b.String()
}
