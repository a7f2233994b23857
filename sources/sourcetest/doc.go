// Package sourcetest helps to test sources. TestSource executes the contract of
// sources.Source against one, in the manner of testing/fstest; every source
// passes it. Recorder is a sink that tells as text what a source reported.
//
// It knows no source, and is not meant for anything but tests.
package sourcetest
