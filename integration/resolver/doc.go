// Package resolver shows how the shipped program answers for names of others: it is run
// in front of name servers that Debian has, and in loops with itself.
package resolver
