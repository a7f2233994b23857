package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"time"

	"github.com/rollcall-dns/rollcall/bench/internal/ask"
)

// latency is from sending a question to having read its answer.
type latency struct{ P50, P99 time.Duration }

// probeMain asks at a steady rate and prints how long answers took.
func probeMain(addr, questions string, rate int, d time.Duration) error {
	msgs, err := ask.Read(questions)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), d)
	defer cancel()
	answers, _, err := ask.Steadily(ctx, addr, msgs, rate)
	if err != nil {
		return err
	}
	at := ask.Percentiles(answers, .5, .99)
	return json.NewEncoder(os.Stdout).Encode(latency{at[0], at[1]})
}

// probe measures the latency in a process of its own, whose memory is small.
func probe(ctx context.Context, addr, questions string, rate int, d time.Duration) (l latency, err error) {
	self, err := os.Executable()
	if err != nil {
		return l, err
	}
	cmd := exec.CommandContext(ctx, self, "-probe", addr, "-questions", questions, "-rate", strconv.Itoa(rate), "-time", d.String())
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return l, fmt.Errorf("probe %s: %w", addr, err)
	}
	return l, json.Unmarshal(out, &l)
}
