package conformance

// instances are registered with each server that rows ask. The sources of queries are
// loopback addresses, which are on no network that a source knows.
const instances = `
	web web-1 {"addresses": ["10.0.0.7", "2001:db8::7"], "host": "web-1", "ports": [{"name": "http", "number": 8080}], "meta": {"version": "2.1"}, "tags": ["v2"]}
	v4 v4-1 {"addresses": ["10.0.0.8"], "host": "v4-1"}
	db.shop db-1 {"addresses": ["10.0.0.9"], "host": "db-1", "ports": [{"number": 5432}]}
	slow slow-1 {"addresses": ["10.0.0.10"], "host": "slow-1", "ttl": "1h"}
	down down-1 {"addresses": ["10.0.0.11"], "host": "down-1", "ports": [{"number": 80}], "state": "down"}
	ranks first {"addresses": ["10.0.1.1"], "host": "first", "ports": [{"number": 81}], "priority": 10, "weight": 1}
	ranks second {"addresses": ["10.0.1.2"], "host": "second", "ports": [{"number": 82}], "priority": 20, "weight": 60000}
	Camel Camel-1 {"addresses": ["10.0.0.12"], "host": "Camel-1", "ports": [{"number": 80}]}
`
