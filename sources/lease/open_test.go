package lease

import (
	"os"
	"testing"
)

// A log of large registrations is long, and holds no more of them.
func TestRoomForWhatIsReadHasAnEnd(t *testing.T) {
	j := &Journal{dir: t.TempDir()}
	if n := j.likely(); n != 0 {
		t.Errorf("without a log there is room for %d, want none", n)
	}
	if err := os.WriteFile(j.path(), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ size, want int64 }{{0, 0}, {48_000, 1000}, {1 << 36, mostLikely}} {
		if err := os.Truncate(j.path(), tt.size); err != nil { // which takes no space
			t.Fatal(err)
		}
		if n := j.likely(); int64(n) != tt.want {
			t.Errorf("for a log of %d octets there is room for %d, want %d", tt.size, n, tt.want)
		}
	}
}
