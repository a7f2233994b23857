package pinned

import (
	"errors"
	"fmt"
	"net"
)

// free refuses an address that somebody listens at: that would be measured, instead of
// what is started.
func free(addr string) error {
	l, errTCP := net.Listen("tcp", addr)
	if errTCP == nil {
		l.Close()
	}
	c, errUDP := net.ListenPacket("udp", addr)
	if errUDP == nil {
		c.Close()
	}
	if err := errors.Join(errTCP, errUDP); err != nil {
		return fmt.Errorf("something else is at %s: %w", addr, err)
	}
	return nil
}
