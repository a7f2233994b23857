package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"

	"github.com/rollcall-dns/rollcall/bench/internal/ask"
	"github.com/rollcall-dns/rollcall/bench/internal/fleet"
)

// registered is what the server knows.
var registered = fleet.Fleet{Services: 1000, Members: 3, Lease: "1h"}

// questions are as many for addresses as for services.
func questions() (msgs [][]byte) {
	for i := 0; i < registered.Len(); i += registered.Members {
		service, _ := registered.Name(i)
		msgs = append(msgs, ask.Question(service+".svc.internal", "A"), ask.Question(service+".svc.internal", "SRV"))
	}
	return msgs
}

// mouths are how many sockets a flood comes from.
const mouths = 64

// pour asks without reading the answers, and prints how often.
func pour(ctx context.Context, addr string, rate int) error {
	var out [mouths]*net.UDPConn
	for i := range out {
		c, err := net.Dial("udp", addr)
		if err != nil {
			return err
		}
		defer c.Close()
		out[i] = c.(*net.UDPConn)
		_ = out[i].SetReadBuffer(1) // as little as there may be: nobody reads
	}
	msgs := questions()
	sent := ask.Pace(ctx, rate, func(n int) { _, _ = out[n%mouths].Write(msgs[n%len(msgs)]) })
	if err := json.NewEncoder(os.Stdout).Encode(sent); err != nil {
		return fmt.Errorf("tell how much was sent: %w", err)
	}
	return nil
}
