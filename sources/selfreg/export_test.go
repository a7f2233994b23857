package selfreg

// RecordOf gives what is kept of a registration, as lease.Record has it.
func RecordOf(key, body string) []byte {
	var f faults
	r := new(Source).recorded(key, parseBody([]byte(body), &f), &f)
	if len(f) > 0 {
		panic(f[0].Field + " " + f[0].Reason)
	}
	return []byte(encode(&r))
}
