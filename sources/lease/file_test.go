package lease

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

func never() bool { return false }

func readAll(name string) (got [][]byte, err error) {
	err = ReadFile(name, func(p []byte) error { got = append(got, p); return nil })
	return got, err
}

func TestFileGivesBackPiecesOfAnySize(t *testing.T) {
	name := filepath.Join(t.TempDir(), "f")
	for _, want := range [][][]byte{
		nil,
		{{}},
		{[]byte("a"), {}, []byte(mark)},
		{bytes.Repeat([]byte("x"), maxPart), bytes.Repeat([]byte("y"), 3*maxPart+1), []byte("z")},
	} {
		if err := WriteFile(name, slices.Values(want), never); err != nil {
			t.Fatal(err)
		}
		if got, err := readAll(name); err != nil || !slices.EqualFunc(got, want, bytes.Equal) {
			t.Errorf("%d pieces: got %d, %v", len(want), len(got), err)
		}
	}
	if left, _ := filepath.Glob(name + "?*"); len(left) > 0 {
		t.Errorf("left behind: %q", left)
	}
}

func TestFileThatIsDamagedAnywhereGivesNothing(t *testing.T) {
	name := filepath.Join(t.TempDir(), "f")
	if err := WriteFile(name, slices.Values([][]byte{[]byte("one"), []byte("two")}), never); err != nil {
		t.Fatal(err)
	}
	whole, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	want := func(what string, data []byte) {
		t.Helper()
		if err := os.WriteFile(name, data, 0o600); err != nil {
			t.Fatal(err)
		}
		if got, err := readAll(name); len(got) > 0 || !errors.Is(err, ErrDamaged) {
			t.Errorf("%s: got %q, %v", what, got, err)
		}
	}
	for i := range whole {
		other := bytes.Clone(whole)
		other[i] ^= 0x20
		want("one octet is another", other)
		want("it is cut off", whole[:i])
	}
	want("something is behind it", append(bytes.Clone(whole), 'x'))
	want("it is there twice", append(bytes.Clone(whole), whole...))
}

func TestFileThatIsNotFinishedIsNotThere(t *testing.T) {
	name := filepath.Join(t.TempDir(), "f")
	if err := WriteFile(name, slices.Values([][]byte{{1}}), func() bool { return true }); !errors.Is(err, errStopped) {
		t.Errorf("got %v, want %v", err, errStopped)
	}
	if left, _ := filepath.Glob(name + "*"); len(left) > 0 {
		t.Errorf("left behind: %q", left)
	}
	if _, err := readAll(name); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v, want that there is none", err)
	}
}

func TestReadingAFileEndsWithTheFirstError(t *testing.T) {
	name := filepath.Join(t.TempDir(), "f")
	if err := WriteFile(name, slices.Values([][]byte{{1}, {2}, {3}}), never); err != nil {
		t.Fatal(err)
	}
	enough, n := errors.New("enough"), 0
	err := ReadFile(name, func([]byte) error {
		if n++; n == 2 {
			return enough
		}
		return nil
	})
	if n != 2 || !errors.Is(err, enough) {
		t.Errorf("after %d pieces: %v", n, err)
	}
}
