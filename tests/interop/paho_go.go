// Paho Go against the broker: every QoS, retained, will, persistent session, a shared subscription.
// paho_go URL VERSION CA_FILE; exit 0 when all went well. The library of Debian does not know 5.0.
package main

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net/url"
	"os"
	"sort"
	"strings"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"
)

const (
	patience = 60 * time.Second
	messages = 50
)

var (
	brokerURL string
	version   uint
	trusted   *tls.Config
)

func require(condition bool, format string, arguments ...interface{}) {
	if !condition {
		panic(fmt.Sprintf(format, arguments...))
	}
}

func wait(token mqtt.Token, step string) {
	require(token.WaitTimeout(patience), "%s: no answer", step)
	require(token.Error() == nil, "%s: %v", step, token.Error())
}

type client struct {
	mqtt.Client
	inbox chan mqtt.Message
}

func connect(id string, clean bool, change func(*mqtt.ClientOptions)) client {
	inbox := make(chan mqtt.Message, 10*messages)
	options := mqtt.NewClientOptions().AddBroker(brokerURL).SetClientID(id).SetCleanSession(clean)
	options.SetProtocolVersion(version).SetTLSConfig(trusted).SetAutoReconnect(false)
	options.SetDefaultPublishHandler(func(_ mqtt.Client, message mqtt.Message) { inbox <- message })
	if change != nil {
		change(options)
	}
	result := client{mqtt.NewClient(options), inbox}
	wait(result.Connect(), "connect")
	return result
}

func (c client) subscribe(filter string, qos byte) {
	token := c.Subscribe(filter, qos, nil)
	wait(token, "subscribe")
	granted := token.(*mqtt.SubscribeToken).Result()[filter]
	require(granted == qos, "%s: granted %d", filter, granted)
}

func (c client) publish(topic, text string, qos byte, retained bool) {
	wait(c.Publish(topic, qos, retained, text), "publish")
}

func (c client) next() mqtt.Message {
	select {
	case message := <-c.inbox:
		return message
	case <-time.After(patience):
		panic("no message came")
	}
}

func (c client) expect(topic, text string, qos byte, retained bool) {
	message := c.next()
	got := fmt.Sprint(message.Topic(), " ", string(message.Payload()), " ", message.Qos(), " ", message.Retained())
	wanted := fmt.Sprint(topic, " ", text, " ", qos, " ", retained)
	require(got == wanted, "got %s instead of %s", got, wanted)
}

func (c client) leave() { c.Disconnect(0) }

func everyQos() {
	subscriber := connect("go-s", true, nil)
	publisher := connect("go-p", true, nil)
	for qos := byte(0); qos <= 2; qos++ {
		topic := fmt.Sprintf("go/%d", qos)
		subscriber.subscribe(topic, qos)
		for i := 0; i < messages; i++ {
			publisher.publish(topic, fmt.Sprint(i), qos, false)
		}
		for i := 0; i < messages; i++ {
			subscriber.expect(topic, fmt.Sprint(i), qos, false)
		}
	}
	publisher.leave()
	subscriber.leave()
}

func large() {
	client := connect("go-s", true, nil)
	client.subscribe("go/large", 1)
	text := strings.Repeat("x", 60000)
	client.publish("go/large", text, 1, false)
	client.expect("go/large", text, 1, false)
	client.leave()
}

func retained() {
	publisher := connect("go-p", true, nil)
	publisher.publish("go/r", "kept", 1, true)
	subscriber := connect("go-s", true, nil)
	subscriber.subscribe("go/r", 1)
	subscriber.expect("go/r", "kept", 1, true)
	publisher.publish("go/r", "", 1, true)
	publisher.leave()
	subscriber.leave()
}

// This client cannot die by itself: another one with its name pushes it out.
func will() {
	subscriber := connect("go-s", true, nil)
	subscriber.subscribe("go/will", 1)
	connect("go-d", true, func(options *mqtt.ClientOptions) { options.SetWill("go/will", "gone", 1, false) })
	successor := connect("go-d", true, nil)
	subscriber.expect("go/will", "gone", 1, false)
	successor.leave()
	subscriber.leave()
}

func persistentSession() {
	first := connect("go-k", false, nil)
	first.subscribe("go/k", 2)
	first.leave()
	publisher := connect("go-p", true, nil)
	for i := 0; i < messages; i++ {
		publisher.publish("go/k", fmt.Sprint(i), 2, false)
	}
	second := connect("go-k", false, nil)
	for i := 0; i < messages; i++ {
		second.expect("go/k", fmt.Sprint(i), 2, false)
	}
	second.leave()
	connect("go-k", true, nil).leave()
	publisher.leave()
}

func sharedSubscription() {
	together := make(chan mqtt.Message, messages)
	handler := func(_ mqtt.Client, message mqtt.Message) { together <- message }
	share := func(options *mqtt.ClientOptions) { options.SetDefaultPublishHandler(handler) }
	members := []client{connect("go-g1", true, share), connect("go-g2", true, share)}
	for _, member := range members {
		member.subscribe("$share/group/go/shared", 1)
	}
	publisher := connect("go-p", true, nil)
	var sent, received []string
	for i := 0; i < messages; i++ {
		sent = append(sent, fmt.Sprint(i))
		publisher.publish("go/shared", sent[i], 1, false)
	}
	for range sent {
		received = append(received, string(client{nil, together}.next().Payload()))
	}
	sort.Strings(sent)
	sort.Strings(received)
	require(fmt.Sprint(sent) == fmt.Sprint(received), "shared: %v", received)
	publisher.leave()
	for _, member := range members {
		member.leave()
	}
}

// The library's names of the schemes.
func schemeOf(scheme string) string {
	switch scheme {
	case "mqtt":
		return "tcp"
	case "mqtts":
		return "ssl"
	}
	return scheme
}

func main() {
	where, err := url.Parse(os.Args[1])
	require(err == nil, "%v", err)
	where.Scheme = schemeOf(where.Scheme)
	brokerURL = where.String()
	version = map[string]uint{"3.1": 3, "3.1.1": 4}[os.Args[2]]
	authority, err := os.ReadFile(os.Args[3])
	require(err == nil, "%v", err)
	trusted = &tls.Config{RootCAs: x509.NewCertPool()}
	require(trusted.RootCAs.AppendCertsFromPEM(authority), "no certificate in %s", os.Args[3])
	everyQos()
	large()
	retained()
	will()
	persistentSession()
	sharedSubscription()
}
