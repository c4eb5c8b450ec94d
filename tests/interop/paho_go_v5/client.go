package main

import (
	"context"
	"crypto/x509"
	"fmt"
	"net"
	"net/url"
	"time"

	"github.com/eclipse/paho.golang/paho"
)

const patience = 60 * time.Second

var (
	broker  *url.URL
	trusted *x509.CertPool
)

func require(condition bool, format string, arguments ...interface{}) {
	if !condition {
		panic(fmt.Sprintf(format, arguments...))
	}
}

// A connection whose messages wait in its inbox.
type client struct {
	*paho.Client
	inbox   chan *paho.Publish
	connack *paho.Connack
}

// The library's own may be stopped before it has started; it then runs on, and Disconnect waits for it.
type noPings struct{}

func (noPings) Start(net.Conn, time.Duration) {}
func (noPings) Stop()                         {}
func (noPings) PingResp()                     {}
func (noPings) SetDebug(paho.Logger)          {}

func connect(id string, change func(*paho.Connect)) client {
	conn, err := dial(broker, trusted)
	require(err == nil, "dial: %v", err)
	inbox := make(chan *paho.Publish, 1000)
	router := paho.NewSingleHandlerRouter(func(message *paho.Publish) { inbox <- message })
	c := paho.NewClient(paho.ClientConfig{Conn: conn, Router: router, PacketTimeout: patience, PingHandler: noPings{}})
	packet := &paho.Connect{ClientID: id, CleanStart: true, Properties: &paho.ConnectProperties{RequestProblemInfo: true}}
	if change != nil {
		change(packet)
	}
	connack, err := c.Connect(context.Background(), packet)
	require(err == nil, "connect: %v", err)
	return client{c, inbox, connack}
}

// With a session that outlives the connection.
func lasting(packet *paho.Connect) {
	packet.CleanStart = false
	packet.Properties.SessionExpiryInterval = paho.Uint32(3600)
}

func (c client) subscribe(filter string, qos byte, properties *paho.SubscribeProperties) {
	wanted := []paho.SubscribeOptions{{Topic: filter, QoS: qos}}
	suback, err := c.Subscribe(context.Background(), &paho.Subscribe{Subscriptions: wanted, Properties: properties})
	require(err == nil, "subscribe: %v", err)
	require(suback.Reasons[0] == qos, "%s: granted %d", filter, suback.Reasons[0])
}

func (c client) publish(topic, text string, qos byte, retain bool, properties *paho.PublishProperties) {
	message := &paho.Publish{Topic: topic, Payload: []byte(text), QoS: qos, Retain: retain, Properties: properties}
	answer, err := c.Publish(context.Background(), message)
	require(err == nil, "publish: %v", err)
	require(qos == 0 || answer.ReasonCode < 0x80, "publish: code %v", answer)
}

func (c client) next() *paho.Publish {
	select {
	case message := <-c.inbox:
		return message
	case <-time.After(patience):
		panic("no message came")
	}
}

func (c client) expect(topic, text string, qos byte, retain bool) *paho.PublishProperties {
	message := c.next()
	got := fmt.Sprint(message.Topic, " ", string(message.Payload), " ", message.QoS, " ", message.Retain)
	wanted := fmt.Sprint(topic, " ", text, " ", qos, " ", retain)
	require(got == wanted, "got %s instead of %s", got, wanted)
	return message.Properties
}

// Without a DISCONNECT.
func (c client) die() { c.Conn.Close() }

func (c client) leave() {
	err := c.Disconnect(&paho.Disconnect{})
	require(err == nil, "disconnect: %v", err)
}
