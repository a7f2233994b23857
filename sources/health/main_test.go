package health

import (
	"os"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	if os.Getenv(serverEnv) != "" {
		serveBenchmark()
		return
	}
	goleak.VerifyTestMain(m)
}
