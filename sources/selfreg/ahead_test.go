package selfreg

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestAheadGetsOneMoreThanIsUsed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		got := 0
		var used []int
		for i := range ahead(func(yield func(int) bool) {
			for yield(got) {
				got++
			}
		}) {
			synctest.Wait()
			if used = append(used, i); got != len(used) {
				t.Errorf("while %d is used %d were got before, want one more", i, got)
			}
			if i == 5 {
				break
			}
		}
		if want := []int{0, 1, 2, 3, 4, 5}; !slices.Equal(used, want) {
			t.Errorf("used %v, want %v", used, want)
		}
	}) // which waits for the goroutine that gets them
}

func TestAheadGetsWhileOneIsUsed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		for range ahead(func(yield func(int) bool) {
			for i := range 10 {
				time.Sleep(time.Second)
				yield(i)
			}
		}) {
			time.Sleep(time.Second)
		}
		if took := time.Since(began); took != 11*time.Second {
			t.Errorf("ten that take a second to get, and one to use, took %v, want 11s", took)
		}
	})
}

// What panics while it is got is for whoever waits for it, as it would be without
// another goroutine: the supervisor catches it.
func TestAheadPassesPanicsOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		defer func() {
			if p := recover(); p == nil || !strings.Contains(fmt.Sprint(p), "no such page") {
				t.Errorf("recovered %v, want the panic", p)
			}
		}()
		for i := range ahead(func(yield func(int) bool) {
			yield(1)
			panic("no such page")
		}) {
			if i != 1 {
				t.Errorf("got %d, want what came before the panic", i)
			}
		}
	})
}
