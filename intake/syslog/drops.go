package syslog

import (
	"encoding/binary"
	"net"

	"golang.org/x/sys/unix"
)

// countDrops asks the system to say with each datagram how many it has dropped.
func countDrops(conn *net.UDPConn) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return
	}
	raw.Control(func(fd uintptr) { unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RXQ_OVFL, 1) })
}

// drops reads that number.
func drops(control []byte) (n uint32, ok bool) {
	if len(control) == 0 {
		return 0, false
	}
	messages, err := unix.ParseSocketControlMessage(control)
	if err != nil {
		return 0, false
	}
	for _, m := range messages {
		if m.Header.Level == unix.SOL_SOCKET && m.Header.Type == unix.SO_RXQ_OVFL && len(m.Data) >= 4 {
			return binary.NativeEndian.Uint32(m.Data), true
		}
	}
	return 0, false
}
