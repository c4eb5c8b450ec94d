// MQTT.js against the broker at 127.0.0.1:PORT or at a URL: every QoS, retained, will, persistent session. Exit 0 when
// all went well. Debian's node-mqtt; NODE_PATH tells where it lies, NODE_EXTRA_CA_CERTS whom it trusts.
const assert = require('node:assert/strict');
const mqtt = require('mqtt');

const target = process.argv[2];
const url = target.includes('://') ? target : `mqtt://127.0.0.1:${target}`;
const patience = setTimeout(() => { console.error('nothing came for 20 s'); process.exit(1); }, 20_000);

const connected = (options) =>
  new Promise((resolve, reject) => {
    const client = mqtt.connect(url, options);
    client.once('connect', () => resolve(client));
    client.once('error', reject);
  });
// client.publish(...) and the like, whose last argument is a callback, as a promise.
const done = (client, method, ...args) =>
  new Promise((resolve, reject) => client[method](...args, (error, result) => (error ? reject(error) : resolve(result))));
const end = (client) => new Promise((resolve) => client.end(false, {}, resolve));

// Messages of one client in arrival order, each handed out once.
function inbox(client) {
  const arrived = [];
  const waiting = [];
  client.on('message', (topic, payload, packet) => {
    const message = { topic, text: payload.toString(), qos: packet.qos, retain: packet.retain };
    waiting.length > 0 ? waiting.shift()(message) : arrived.push(message);
  });
  return () => (arrived.length > 0 ? Promise.resolve(arrived.shift()) : new Promise((resolve) => waiting.push(resolve)));
}

async function everyQos() {
  const subscriber = await connected({ clientId: 'js-s' });
  const next = inbox(subscriber);
  const granted = await done(subscriber, 'subscribe', { 'js/0': { qos: 0 }, 'js/1': { qos: 1 }, 'js/2': { qos: 2 } });
  assert.deepEqual(granted.map((g) => g.qos), [0, 1, 2]);
  const publisher = await connected({ clientId: 'js-p' });
  for (const qos of [0, 1, 2]) {
    for (let i = 0; i < 50; ++i) await done(publisher, 'publish', `js/${qos}`, `${qos}-${i}`, { qos });
    for (let i = 0; i < 50; ++i) {
      assert.deepEqual(await next(), { topic: `js/${qos}`, text: `${qos}-${i}`, qos, retain: false });
    }
  }
  await end(publisher);
  await end(subscriber);
}

async function retained() {
  const publisher = await connected({ clientId: 'js-p' });
  await done(publisher, 'publish', 'js/r', 'kept', { qos: 1, retain: true });
  const subscriber = await connected({ clientId: 'js-s' });
  const next = inbox(subscriber);
  await done(subscriber, 'subscribe', 'js/r', { qos: 1 });
  assert.deepEqual(await next(), { topic: 'js/r', text: 'kept', qos: 1, retain: true });
  await done(publisher, 'publish', 'js/r', '', { qos: 1, retain: true });
  await end(publisher);
  await end(subscriber);
}

async function will() {
  const subscriber = await connected({ clientId: 'js-s' });
  const next = inbox(subscriber);
  await done(subscriber, 'subscribe', 'js/will', { qos: 1 });
  const dying = await connected({
    clientId: 'js-d', reconnectPeriod: 0, will: { topic: 'js/will', payload: 'gone', qos: 1 },
  });
  dying.stream.destroy();
  assert.equal((await next()).text, 'gone');
  await end(subscriber);
}

async function persistentSession() {
  const options = { clientId: 'js-k', clean: false };
  const first = await connected(options);
  await done(first, 'subscribe', 'js/k', { qos: 2 });
  await end(first);
  const publisher = await connected({ clientId: 'js-p' });
  for (let i = 0; i < 20; ++i) await done(publisher, 'publish', 'js/k', `${i}`, { qos: 2 });
  const second = mqtt.connect(url, options);
  const next = inbox(second);
  const connack = await new Promise((resolve) => second.once('connect', resolve));
  assert.equal(connack.sessionPresent, true);
  for (let i = 0; i < 20; ++i) assert.equal((await next()).text, `${i}`);
  await end(second);
  await end(await connected({ clientId: 'js-k', clean: true }));
  await end(publisher);
}

(async () => {
  await everyQos();
  await retained();
  await will();
  await persistentSession();
  clearTimeout(patience);
})().catch((error) => {
  console.error(error);
  process.exit(1);
});
