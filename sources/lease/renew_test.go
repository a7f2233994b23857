package lease

import (
	"fmt"
	"slices"
	"testing"
	"time"
)

// octets are IDs as RenewAll takes them.
func octets(ids ...string) [][]byte {
	all := make([][]byte, len(ids))
	for i, id := range ids {
		all[i] = []byte(id)
	}
	return all
}

// renew renews a lease alone, or as one of several.
func renew(tab *Table, id string, alone bool) bool {
	if alone {
		return tab.Renew([]byte(id), nobody)
	}
	renewed := []bool{false}
	tab.RenewAll(octets(id), nobody, renewed)
	return renewed[0]
}

func TestRenewAllIsRenewOfEach(t *testing.T) {
	c := new(clock)
	tab := NewTable(c.now)
	var ids []string
	var want []bool
	for i := range 3*group + 1 {
		id := fmt.Sprint(i)
		ids, want = append(ids, id, id), append(want, i%3 > 0, i%3 > 0)
		switch i % 3 {
		case 0: // not known
		case 1:
			tab.Grant(id, nobody, time.Minute)
		case 2:
			tab.Grant(id, nobody, time.Hour)
		}
	}
	tab.Grant("ended", nobody, time.Second)
	ids, want = append(ids, "ended"), append(want, false)
	c.pass(time.Second)
	got := make([]bool, len(ids))
	tab.RenewAll(octets(ids...), nobody, got)
	if !slices.Equal(got, want) {
		t.Errorf("renewed %v\nwant    %v", got, want)
	}
	for i, id := range ids {
		if period, left, _ := tab.Get(id); want[i] && left != period {
			t.Errorf("%s has %v left, want %v", id, left, period)
		}
	}
	if n := tab.Stats().Renewed; n != uint64(2*2*group) {
		t.Errorf("%d are counted, want %d", n, 2*2*group)
	}
}

// What was found a moment ago may be gone, or be another lease.
func TestRenewAllOfALeaseThatGoesMeanwhile(t *testing.T) {
	for _, tt := range []struct {
		name      string
		meanwhile func(*Table)
		want      bool
	}{
		{"released", func(tab *Table) { tab.Release("a") }, false},
		{"released and granted anew", func(tab *Table) { tab.Release("a"); tab.Grant("a", nobody, time.Minute) }, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := new(clock)
			var meanwhile func(*Table)
			var tab *Table
			tab = NewTable(func() int64 { // is asked between finding and renewing
				if do := meanwhile; do != nil {
					meanwhile = nil
					do(tab)
				}
				return c.now()
			})
			old, _ := tab.Grant("a", nobody, time.Second)
			meanwhile = tt.meanwhile
			var got [1]bool
			tab.RenewAll(octets("a"), nobody, got[:])
			if got[0] != tt.want {
				t.Errorf("renewed %v, want %v", got[0], tt.want)
			}
			if _, left, known := tab.Get("a"); known != tt.want || known && left != time.Minute {
				t.Errorf("known %v, %v left; want %v", known, left, tt.want)
			}
			if old.Deadline() != int64(time.Second) {
				t.Errorf("the lease that is gone ends at %v", time.Duration(old.Deadline()))
			}
		})
	}
}

func TestRenewAllAllocatesNothing(t *testing.T) {
	tab := NewTable(new(clock).now)
	ids := octets("a", "b", "c")
	for _, id := range ids[:2] {
		tab.Grant(string(id), nobody, time.Hour)
	}
	renewed := make([]bool, len(ids))
	if n := testing.AllocsPerRun(100, func() { tab.RenewAll(ids, nobody, renewed) }); n > 0 {
		t.Errorf("%v allocations", n)
	}
}
