package health

import (
	"container/heap"
	"time"
)

// agenda is what is to be probed, and when: in one queue what was answered last
// time, in the other what has used up its time. The latter wait longest, so they
// are kept from using up the workers too.
type agenda struct{ prompt, hung queue }

func (a *agenda) of(p *probe) *queue {
	if p.hung {
		return &a.hung
	}
	return &a.prompt
}

func (a *agenda) add(p *probe) { heap.Push(a.of(p), p) }

func (a *agenda) remove(p *probe) {
	if p.at >= 0 {
		heap.Remove(a.of(p), p.at)
	}
}

// queue is a heap of probes, the one first that is due first.
type queue []*probe

// due gives the first probe that is due, and takes it off; nil when there is none.
func (q *queue) take(now time.Time) *probe {
	if len(*q) == 0 || (*q)[0].due.After(now) {
		return nil
	}
	return heap.Pop(q).(*probe)
}

// next is how long it is until one is due, at most the time given.
func (q queue) next(now time.Time, most time.Duration) time.Duration {
	if len(q) == 0 {
		return most
	}
	return min(most, max(0, q[0].due.Sub(now)))
}

func (q queue) Len() int           { return len(q) }
func (q queue) Less(i, j int) bool { return q[i].due.Before(q[j].due) }

func (q queue) Swap(i, j int) {
	q[i], q[j] = q[j], q[i]
	q[i].at, q[j].at = i, j
}

// Push is for package heap.
func (q *queue) Push(x any) {
	p := x.(*probe)
	p.at = len(*q)
	*q = append(*q, p)
}

// Pop is for package heap.
func (q *queue) Pop() any {
	last := len(*q) - 1
	p := (*q)[last]
	(*q)[last], *q = nil, (*q)[:last]
	p.at = -1
	return p
}
