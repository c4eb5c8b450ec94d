package main

import (
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"net/url"
	"sync"
	"time"

	"github.com/eclipse/paho.golang/packets"
	"github.com/gorilla/websocket"
)

// The library wants a connection that somebody else has opened.
func dial(where *url.URL, trusted *x509.CertPool) (net.Conn, error) {
	config := &tls.Config{RootCAs: trusted}
	switch where.Scheme {
	case "mqtt":
		return net.Dial("tcp", where.Host)
	case "mqtts":
		conn, err := tls.Dial("tcp", where.Host, config)
		if err != nil {
			return nil, err
		}
		return packets.NewThreadSafeConn(conn), nil
	}
	dialer := websocket.Dialer{TLSClientConfig: config, Subprotocols: []string{"mqtt"}}
	socket, response, err := dialer.Dial(where.String(), nil)
	if err != nil {
		return nil, err
	}
	require(response.Header.Get("Sec-WebSocket-Protocol") == "mqtt", "no subprotocol in %v", response.Header)
	return &stream{Conn: socket}, nil
}

// A WebSocket as a stream of bytes: a packet may lie in several messages, as this library writes it, and a message may
// have several packets. The library locks it while it writes.
type stream struct {
	*websocket.Conn
	sync.Mutex
	message io.Reader
}

func (s *stream) Read(into []byte) (int, error) {
	for {
		if s.message == nil {
			_, message, err := s.NextReader()
			if err != nil {
				return 0, err
			}
			s.message = message
		}
		n, err := s.message.Read(into)
		if err == io.EOF {
			s.message = nil
			err = nil
		}
		if n > 0 || err != nil {
			return n, err
		}
	}
}

func (s *stream) Write(bytes []byte) (int, error) {
	return len(bytes), s.WriteMessage(websocket.BinaryMessage, bytes)
}

func (s *stream) SetDeadline(when time.Time) error {
	if err := s.SetReadDeadline(when); err != nil {
		return err
	}
	return s.SetWriteDeadline(when)
}
