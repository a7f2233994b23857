// Package static is the source of records that an operator writes into a file: a
// host that registers nowhere, an alias of a name elsewhere, a wildcard.
//
// The file is looked at every second. While it cannot be read, or anything in it
// is at fault, the records of the last good version stay, and the error says all
// that is wrong and where. It reports records, never instances: what can come
// and go by itself belongs to another source.
package static
