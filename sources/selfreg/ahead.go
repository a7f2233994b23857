package selfreg

import (
	"fmt"
	"iter"
	"runtime/debug"
	"sync"
)

// ahead gives what seq gives, of which another goroutine gets one while the one before
// is used. It has ended when the loop has. When it panics, so does the loop, in which that
// can be caught.
func ahead[T any](seq iter.Seq[T]) iter.Seq[T] {
	return func(yield func(T) bool) {
		next, stop := make(chan T), make(chan struct{})
		var failed error // set before next is closed
		var getting sync.WaitGroup
		defer getting.Wait()
		defer close(stop)
		getting.Go(func() {
			defer close(next)
			defer func() {
				if p := recover(); p != nil {
					failed = fmt.Errorf("%v\n%s", p, debug.Stack())
				}
			}()
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
		if failed != nil {
			panic(failed)
		}
	}
}
