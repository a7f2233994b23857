// Package zonemap compares data structures that could hold the names of a zone.
// It is a module of its own, so that the product depends on none of them.
// Its result is docs/decisions/0001-zone-data-structure.md.
package zonemap
