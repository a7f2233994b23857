// Package integration tests the program that is shipped against real parts: a
// Docker engine, dig, curl and the resolver of busybox. It knows the program by
// its command line, its DNS answers and its HTTP interface alone.
//
// Most tests are scripts, one behaviour a file, in testdata/script; script_test.go
// says which commands they have beside those of testscript. Nothing is skipped
// where a part is missing: `make test` installs them all.
package integration
