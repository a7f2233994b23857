// Package faults does to the shipped program what machines do: it is killed at any
// moment, again and again, and afterwards the answers must be the truth.
package faults
