package sources

import "time"

// CheckResult is what came of a check of an instance last. The zero value is that of
// one which has not been made yet.
type CheckResult struct {
	At     time.Time     // when the probe began
	Took   time.Duration // until its result
	Reason string        // why it failed; "" passed
	InARow int           // results like this one, this one included
}
