package docker

import (
	"os"
	"strings"
	"testing"
)

func TestEveryLabelIsInTheOperatorsTable(t *testing.T) {
	text, err := os.ReadFile("../../docs/docker.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range generalKeys {
		if !strings.Contains(string(text), "| `"+ownPrefix+k+"` |") {
			t.Errorf("docs/docker.md does not explain %s%s", ownPrefix, k)
		}
	}
	keys := append([]string{"port"}, checkOptions...)
	for _, k := range checkKinds {
		keys = append(keys, k.key)
	}
	for _, k := range keys {
		if !strings.Contains(string(text), "`"+ownPrefix+"check."+k+"`") {
			t.Errorf("docs/docker.md does not explain %scheck.%s", ownPrefix, k)
		}
	}
	for _, k := range portKeys {
		if row := "| `" + ownPrefix + "port.<port>." + k + "` | `SERVICE_<port>_" + strings.ToUpper(k) + "` |"; !strings.Contains(string(text), row) {
			t.Errorf("docs/docker.md has no row %s", row)
		}
	}
}
