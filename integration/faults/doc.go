// Package faults does to the shipped program what machines do: it is killed at any
// moment, again and again, cut off from what it follows, flooded, and left without a
// disk. While a fault lasts nobody who lives may be missing from the answers, and nobody
// who has left be in them; afterwards the answers must be the truth.
package faults
