// What MQTT.js does with the broker, in Node and in a browser: every QoS, retained, will, persistent session, a shared
// subscription; with 5.0 properties, topic aliases both ways. Resolves when all went well.
function equal(actual, expected) {
  const [a, b] = [JSON.stringify(actual), JSON.stringify(expected)];
  if (a !== b) throw new Error(`${a} is not ${b}`);
}

const kPatienceMs = 60_000;
const kProtocols = {
  3.1: { protocolId: 'MQIsdp', protocolVersion: 3 },
  '3.1.1': { protocolVersion: 4 },
  5: { protocolVersion: 5 },
};

class Round {
  constructor(mqtt, url, version) {
    this.mqtt = mqtt;
    this.url = url;
    this.version = version;
  }

  // A session that outlives its connection is one with an expiry in 5.0. Gives the client and its CONNACK.
  open(options) {
    const lasting = options.clean === false ? { sessionExpiryInterval: 3600 } : {};
    const client = this.mqtt.connect(this.url, {
      ...kProtocols[this.version],
      ...(this.version === '5' ? { properties: lasting } : {}),
      reconnectPeriod: 0,
      ...options,
    });
    client.next = inbox(client);
    return new Promise((resolve, reject) => {
      client.once('connect', (connack) => resolve({ client, connack }));
      client.once('error', reject);
      client.once('close', () => reject(new Error(`${this.url} was closed`)));
    });
  }

  async connected(options) {
    return (await this.open(options)).client;
  }
}

// client.publish(...) and the like, whose last argument is a callback, as a promise.
const done = (client, method, ...args) =>
  new Promise((resolve, reject) => client[method](...args, (error, result) => (error ? reject(error) : resolve(result))));
const end = (client) => new Promise((resolve) => client.end(false, {}, resolve));

// Messages of some clients in arrival order, each handed out once.
function inbox(...clients) {
  const arrived = [];
  const waiting = [];
  const take = (topic, payload, packet) => {
    const message = { topic, text: payload.toString(), qos: packet.qos, retain: packet.retain, packet };
    waiting.length > 0 ? waiting.shift()(message) : arrived.push(message);
  };
  for (const client of clients) client.on('message', take);
  return () => (arrived.length > 0 ? Promise.resolve(arrived.shift()) : new Promise((resolve) => waiting.push(resolve)));
}

async function expect(client, topic, text, qos, retain = false) {
  const message = await client.next();
  equal([message.topic, message.text, message.qos, message.retain], [topic, text, qos, retain]);
  return message.packet;
}

async function everyQos(round) {
  const subscriber = await round.connected({ clientId: 'js-s' });
  const granted = await done(subscriber, 'subscribe', { 'js/0': { qos: 0 }, 'js/1': { qos: 1 }, 'js/2': { qos: 2 } });
  equal(granted.map((g) => g.qos), [0, 1, 2]);
  const publisher = await round.connected({ clientId: 'js-p' });
  for (const qos of [0, 1, 2]) {
    for (let i = 0; i < 50; ++i) await done(publisher, 'publish', `js/${qos}`, `${qos}-${i}`, { qos });
    for (let i = 0; i < 50; ++i) await expect(subscriber, `js/${qos}`, `${qos}-${i}`, qos);
  }
  await end(publisher);
  await end(subscriber);
}

async function large(round) {
  const client = await round.connected({ clientId: 'js-s' });
  await done(client, 'subscribe', 'js/large', { qos: 1 });
  await done(client, 'publish', 'js/large', 'x'.repeat(60_000), { qos: 1 });
  await expect(client, 'js/large', 'x'.repeat(60_000), 1);
  await end(client);
}

async function retained(round) {
  const publisher = await round.connected({ clientId: 'js-p' });
  await done(publisher, 'publish', 'js/r', 'kept', { qos: 1, retain: true });
  const subscriber = await round.connected({ clientId: 'js-s' });
  await done(subscriber, 'subscribe', 'js/r', { qos: 1 });
  await expect(subscriber, 'js/r', 'kept', 1, true);
  await done(publisher, 'publish', 'js/r', '', { qos: 1, retain: true });
  await end(publisher);
  await end(subscriber);
}

async function will(round) {
  const subscriber = await round.connected({ clientId: 'js-s' });
  await done(subscriber, 'subscribe', 'js/will', { qos: 1 });
  const dying = await round.connected({ clientId: 'js-d', will: { topic: 'js/will', payload: 'gone', qos: 1 } });
  dying.stream.destroy();
  await expect(subscriber, 'js/will', 'gone', 1);
  await end(subscriber);
}

async function persistentSession(round) {
  const options = { clientId: 'js-k', clean: false };
  const first = await round.connected(options);
  await done(first, 'subscribe', 'js/k', { qos: 2 });
  await end(first);
  const publisher = await round.connected({ clientId: 'js-p' });
  for (let i = 0; i < 20; ++i) await done(publisher, 'publish', 'js/k', `${i}`, { qos: 2 });
  const { client: second, connack } = await round.open(options);
  if (round.version !== '3.1') equal(connack.sessionPresent, true);
  for (let i = 0; i < 20; ++i) await expect(second, 'js/k', `${i}`, 2);
  await end(second);
  await end(await round.connected({ clientId: 'js-k', clean: true }));
  await end(publisher);
}

async function sharedSubscription(round) {
  const members = [await round.connected({ clientId: 'js-g1' }), await round.connected({ clientId: 'js-g2' })];
  const next = inbox(...members);
  for (const member of members) await done(member, 'subscribe', '$share/group/js/shared', { qos: 1 });
  const publisher = await round.connected({ clientId: 'js-p' });
  const sent = Array.from({ length: 40 }, (_, i) => `${i}`);
  for (const text of sent) await done(publisher, 'publish', 'js/shared', text, { qos: 1 });
  const received = [];
  while (received.length < sent.length) received.push((await next()).text);
  equal(received.sort(), sent.sort());
  for (const client of [publisher, ...members]) await end(client);
}

async function propertiesOf5(round) {
  const asker = await round.connected({ clientId: 'js-p' });
  await done(asker, 'subscribe', 'js/answers', { qos: 1 });
  const responder = await round.connected({ clientId: 'js-s' });
  await done(responder, 'subscribe', 'js/ask', { qos: 1, properties: { subscriptionIdentifier: 7 } });
  await done(asker, 'publish', 'js/ask', 'ping', {
    qos: 1,
    properties: {
      responseTopic: 'js/answers', correlationData: Buffer.from('17'), contentType: 'text/plain',
      payloadFormatIndicator: true, messageExpiryInterval: 3600, userProperties: { color: 'blue', shape: 'round' },
    },
  });
  const { properties } = await expect(responder, 'js/ask', 'ping', 1);
  equal(
    [properties.contentType, properties.payloadFormatIndicator, properties.subscriptionIdentifier],
    ['text/plain', true, 7],
  );
  equal(properties.userProperties, { color: 'blue', shape: 'round' });
  equal(properties.messageExpiryInterval > 0 && properties.messageExpiryInterval <= 3600, true);
  const { responseTopic, correlationData } = properties;
  await done(responder, 'publish', responseTopic, 'pong', { qos: 1, properties: { correlationData } });
  const answer = await expect(asker, 'js/answers', 'pong', 1);
  equal(answer.properties.correlationData.toString(), '17');
  await end(asker);
  await end(responder);
}

// The client gives aliases and puts the topics back in by itself; what it sends and gets is seen one layer below.
async function topicAliasesOf5(round) {
  const client = await round.connected({ clientId: 'js-s', autoAssignTopicAlias: true, topicAliasMaximum: 5 });
  const aliased = { sent: 0, received: 0 };
  client.on('packetsend', (packet) => { aliased.sent += packet.cmd === 'publish' && packet.topic === '' ? 1 : 0; });
  client.on('packetreceive', (packet) => {
    aliased.received += packet.cmd === 'publish' && packet.properties?.topicAlias ? 1 : 0;
  });
  await done(client, 'subscribe', 'js/alias', { qos: 0 });
  for (let i = 0; i < 5; ++i) await done(client, 'publish', 'js/alias', `${i}`, { qos: 0 });
  for (let i = 0; i < 5; ++i) await expect(client, 'js/alias', `${i}`, 0);
  equal(aliased, { sent: 4, received: 5 });
  await end(client);
}

async function all(round) {
  await everyQos(round);
  await large(round);
  await retained(round);
  await will(round);
  await persistentSession(round);
  await sharedSubscription(round);
  if (round.version !== '5') return;
  await propertiesOf5(round);
  await topicAliasesOf5(round);
}

module.exports = function roundtrip(mqtt, url, version) {
  let patience;
  const impatient = new Promise((_, reject) => {
    patience = setTimeout(() => reject(new Error(`${url} with ${version}: not done in time`)), kPatienceMs);
  });
  return Promise.race([all(new Round(mqtt, url, version)), impatient]).finally(() => clearTimeout(patience));
};
