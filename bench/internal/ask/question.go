package ask

import (
	"bufio"
	"fmt"
	"os"
	"strings"
)

var types = map[string]byte{"A": 1, "AAAA": 28, "SRV": 33}

// Question is a message with one question of class IN.
func Question(name, typ string) []byte {
	msg := []byte{0, 0, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0}
	for l := range strings.SplitSeq(name, ".") {
		msg = append(append(msg, byte(len(l))), l...)
	}
	return append(msg, 0, 0, types[typ], 0, 1)
}

// Read makes questions of the lines of a file, "name type" as dnsperf has them.
func Read(path string) (msgs [][]byte, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		name, typ, _ := strings.Cut(lines.Text(), " ")
		if types[typ] == 0 {
			return nil, fmt.Errorf("%s: no question: %q", path, lines.Text())
		}
		msgs = append(msgs, Question(name, typ))
	}
	return msgs, lines.Err()
}
