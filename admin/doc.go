// Package admin is what operators see of the running program beside the log: now
// a zone as the master file that another name server could load.
//
// It reads the zone and changes nothing. It knows no source.
package admin
