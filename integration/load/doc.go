// Package load asks the shipped program at a steady rate while something else
// happens to it, and counts what is lost and how long answers take. The numbers of
// "make load" are in docs; "make test" asks for less and for a shorter time.
package load
