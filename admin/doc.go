// Package admin is what operators see of the running program beside the log: a
// zone as the master file that another name server could load, metrics, and what is
// remembered of names of others.
//
// It reads the zone and changes nothing but what is remembered, which may be forgotten. It
// knows no source.
package admin
