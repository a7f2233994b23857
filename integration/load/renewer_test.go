package load

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// renewals is what came of renewing leases.
type renewals struct{ done, lost int64 }

// renew renews the leases of n instances, each by a client of its own, until ctx is
// done. Half of the clients connect each time, as curl does, and half keep their
// connection: these may ask again over a new one when a connection that they have used
// ends without a response (RFC 9112 §9.3.1). What fails otherwise is said, and lost.
func renew(ctx context.Context, t testing.TB, server, service string, n int) renewals {
	var done, lost atomic.Int64
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() {
			transport := &http.Transport{DisableKeepAlives: i%2 == 0}
			defer transport.CloseIdleConnections()
			c := http.Client{Transport: transport, Timeout: 20 * time.Second}
			url := fmt.Sprintf("http://%s/v1/services/%s/instances/%d/heartbeat", server, service, i)
			for ctx.Err() == nil {
				if err := heartbeat(&c, url); err != nil {
					lost.Add(1)
					t.Error(err)
				}
				done.Add(1)
				time.Sleep(time.Duration(i) * time.Millisecond)
			}
		})
	}
	all.Wait()
	return renewals{done.Load() - lost.Load(), lost.Load()}
}

func heartbeat(c *http.Client, url string) error {
	req, err := http.NewRequest(http.MethodPut, url, nil)
	if err != nil {
		return err
	}
	req.Header["Idempotency-Key"] = nil // is not sent, and lets net/http do so
	resp, err := c.Do(req)
	if err != nil {
		return err
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusNoContent {
		return fmt.Errorf("PUT %s: %s", url, resp.Status)
	}
	return nil
}
