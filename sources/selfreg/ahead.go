package selfreg

import (
	"iter"
	"sync"
)

// ahead gives what seq gives, of which another goroutine gets one while the one before
// is used. It has ended when the loop has.
func ahead[T any](seq iter.Seq[T]) iter.Seq[T] {
	return func(yield func(T) bool) {
		next, stop := make(chan T), make(chan struct{})
		var getting sync.WaitGroup
		defer getting.Wait()
		defer close(stop)
		getting.Go(func() {
			defer close(next)
			for v := range seq {
				select {
				case next <- v:
				case <-stop:
					return
				}
			}
		})
		for v := range next {
			if !yield(v) {
				return
			}
		}
	}
}
