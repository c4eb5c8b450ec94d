// Paho Go against the broker in 5.0: every QoS, retained, will, persistent session, a shared subscription, properties,
// topic aliases, an authority that it does not trust. paho_go_v5 URL 5 CA_FILE; exit 0 when all went well.
package main

import (
	"crypto/x509"
	"errors"
	"fmt"
	"net/url"
	"os"
	"reflect"
	"sort"
	"strings"

	"github.com/eclipse/paho.golang/paho"
)

const messages = 50

func everyQos() {
	subscriber := connect("go5-s", nil)
	publisher := connect("go5-p", nil)
	for qos := byte(0); qos <= 2; qos++ {
		topic := fmt.Sprintf("go5/%d", qos)
		subscriber.subscribe(topic, qos, nil)
		for i := 0; i < messages; i++ {
			publisher.publish(topic, fmt.Sprint(i), qos, false, nil)
		}
		for i := 0; i < messages; i++ {
			subscriber.expect(topic, fmt.Sprint(i), qos, false)
		}
	}
	publisher.leave()
	subscriber.leave()
}

func large() {
	c := connect("go5-s", nil)
	c.subscribe("go5/large", 1, nil)
	text := strings.Repeat("x", 60000)
	c.publish("go5/large", text, 1, false, nil)
	c.expect("go5/large", text, 1, false)
	c.leave()
}

func retained() {
	publisher := connect("go5-p", nil)
	publisher.publish("go5/r", "kept", 1, true, nil)
	subscriber := connect("go5-s", nil)
	subscriber.subscribe("go5/r", 1, nil)
	subscriber.expect("go5/r", "kept", 1, true)
	publisher.publish("go5/r", "", 1, true, nil)
	publisher.leave()
	subscriber.leave()
}

func will() {
	subscriber := connect("go5-s", nil)
	subscriber.subscribe("go5/will", 1, nil)
	mortal := connect("go5-d", func(packet *paho.Connect) {
		packet.WillMessage = &paho.WillMessage{Topic: "go5/will", Payload: []byte("gone"), QoS: 1}
		packet.WillProperties = &paho.WillProperties{User: paho.UserProperties{{Key: "color", Value: "black"}}}
	})
	mortal.die()
	properties := subscriber.expect("go5/will", "gone", 1, false)
	require(properties.User.Get("color") == "black", "will: user properties %v", properties.User)
	subscriber.leave()
}

func persistentSession() {
	first := connect("go5-k", lasting)
	first.subscribe("go5/k", 2, nil)
	first.leave()
	publisher := connect("go5-p", nil)
	for i := 0; i < messages; i++ {
		publisher.publish("go5/k", fmt.Sprint(i), 2, false, nil)
	}
	second := connect("go5-k", lasting)
	require(second.connack.SessionPresent, "the session is gone")
	for i := 0; i < messages; i++ {
		second.expect("go5/k", fmt.Sprint(i), 2, false)
	}
	second.leave()
	connect("go5-k", nil).leave()
	publisher.leave()
}

func sharedSubscription() {
	members := []client{connect("go5-g1", nil), connect("go5-g2", nil)}
	for _, member := range members {
		member.subscribe("$share/group/go5/shared", 1, nil)
	}
	publisher := connect("go5-p", nil)
	var sent, received []string
	for i := 0; i < messages; i++ {
		sent = append(sent, fmt.Sprint(i))
		publisher.publish("go5/shared", sent[i], 1, false, nil)
	}
	together := client{inbox: make(chan *paho.Publish)}
	for _, member := range members {
		go func(from chan *paho.Publish) {
			for message := range from {
				together.inbox <- message
			}
		}(member.inbox)
	}
	for range sent {
		received = append(received, string(together.next().Payload))
	}
	sort.Strings(sent)
	sort.Strings(received)
	require(reflect.DeepEqual(sent, received), "shared: %v", received)
	publisher.leave()
	for _, member := range members {
		member.leave()
	}
}

func request() {
	asker := connect("go5-p", nil)
	asker.subscribe("go5/answers", 1, nil)
	responder := connect("go5-s", nil)
	identifier := 7
	responder.subscribe("go5/ask", 1, &paho.SubscribeProperties{SubscriptionIdentifier: &identifier})
	colors := paho.UserProperties{{Key: "color", Value: "blue"}, {Key: "color", Value: "green"}}
	asker.publish("go5/ask", "ping", 1, false, &paho.PublishProperties{
		ResponseTopic: "go5/answers", CorrelationData: []byte("17"), ContentType: "text/plain",
		PayloadFormat: paho.Byte(1), MessageExpiry: paho.Uint32(3600), User: colors})
	got := responder.expect("go5/ask", "ping", 1, false)
	require(got.ContentType == "text/plain", "content type %q", got.ContentType)
	require(got.PayloadFormat != nil && *got.PayloadFormat == 1, "payload format %v", got.PayloadFormat)
	require(got.MessageExpiry != nil && *got.MessageExpiry > 0 && *got.MessageExpiry <= 3600, "no such expiry")
	require(reflect.DeepEqual(got.User, colors), "user properties %v", got.User)
	require(got.SubscriptionIdentifier != nil && *got.SubscriptionIdentifier == identifier, "no such identifier")
	responder.publish(got.ResponseTopic, "pong", 1, false, &paho.PublishProperties{CorrelationData: got.CorrelationData})
	answer := asker.expect("go5/answers", "pong", 1, false)
	require(string(answer.CorrelationData) == "17", "correlation data %q", answer.CorrelationData)
	asker.leave()
	responder.leave()
}

// Both ways. The library resolves those that it gets, and sends what it is told.
func topicAlias() {
	c := connect("go5-s", func(packet *paho.Connect) { packet.Properties.TopicAliasMaximum = paho.Uint16(5) })
	c.subscribe("go5/alias", 1, nil)
	alias := &paho.PublishProperties{TopicAlias: paho.Uint16(1)}
	c.publish("go5/alias", "by name", 1, false, alias)
	c.publish("", "by alias", 1, false, alias)
	for _, text := range []string{"by name", "by alias"} {
		got := c.expect("go5/alias", text, 1, false)
		require(got.TopicAlias != nil, "%s: came without an alias", text)
	}
	c.leave()
}

func distrust() {
	_, err := dial(broker, x509.NewCertPool())
	var unknown x509.UnknownAuthorityError
	require(errors.As(err, &unknown), "trusted by nobody: %v", err)
}

func main() {
	var err error
	broker, err = url.Parse(os.Args[1])
	require(err == nil, "%v", err)
	require(os.Args[2] == "5", "the library knows only 5.0")
	authority, err := os.ReadFile(os.Args[3])
	require(err == nil, "%v", err)
	trusted = x509.NewCertPool()
	require(trusted.AppendCertsFromPEM(authority), "no certificate in %s", os.Args[3])
	everyQos()
	large()
	retained()
	will()
	persistentSession()
	sharedSubscription()
	request()
	topicAlias()
	if broker.Scheme == "mqtts" || broker.Scheme == "wss" {
		distrust()
	}
}
