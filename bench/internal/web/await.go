package web

import (
	"context"
	"fmt"
	"time"
)

// Await waits until a server answers GET of a path with success.
func Await(ctx context.Context, addr, path string) error {
	request := fmt.Appendf(nil, "GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n", path)
	for ctx.Err() == nil {
		if c, err := Dial(addr); err == nil {
			status, _, err := c.Do(request)
			c.Close()
			if err == nil && status < 300 {
				return nil
			}
		}
		time.Sleep(5 * time.Millisecond)
	}
	return ctx.Err()
}
