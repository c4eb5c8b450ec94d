// MQTT.js against the broker at 127.0.0.1:PORT: every QoS, retained, will, persistent session. Exit 0 when all went well.
import assert from 'node:assert/strict';
import mqtt from 'mqtt';

const url = `mqtt://127.0.0.1:${process.argv[2]}`;
const patience = setTimeout(() => { console.error('nothing came for 20 s'); process.exit(1); }, 20_000);

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
  const subscriber = await mqtt.connectAsync(url, { clientId: 'js-s' });
  const next = inbox(subscriber);
  const granted = await subscriber.subscribeAsync({ 'js/0': { qos: 0 }, 'js/1': { qos: 1 }, 'js/2': { qos: 2 } });
  assert.deepEqual(granted.map((g) => g.qos), [0, 1, 2]);
  const publisher = await mqtt.connectAsync(url, { clientId: 'js-p' });
  for (const qos of [0, 1, 2]) {
    for (let i = 0; i < 50; ++i) await publisher.publishAsync(`js/${qos}`, `${qos}-${i}`, { qos });
    for (let i = 0; i < 50; ++i) {
      assert.deepEqual(await next(), { topic: `js/${qos}`, text: `${qos}-${i}`, qos, retain: false });
    }
  }
  await publisher.endAsync();
  await subscriber.endAsync();
}

async function retained() {
  const publisher = await mqtt.connectAsync(url, { clientId: 'js-p' });
  await publisher.publishAsync('js/r', 'kept', { qos: 1, retain: true });
  const subscriber = await mqtt.connectAsync(url, { clientId: 'js-s' });
  const next = inbox(subscriber);
  await subscriber.subscribeAsync('js/r', { qos: 1 });
  assert.deepEqual(await next(), { topic: 'js/r', text: 'kept', qos: 1, retain: true });
  await publisher.publishAsync('js/r', '', { qos: 1, retain: true });
  await publisher.endAsync();
  await subscriber.endAsync();
}

async function will() {
  const subscriber = await mqtt.connectAsync(url, { clientId: 'js-s' });
  const next = inbox(subscriber);
  await subscriber.subscribeAsync('js/will', { qos: 1 });
  const dying = await mqtt.connectAsync(url, {
    clientId: 'js-d', reconnectPeriod: 0, will: { topic: 'js/will', payload: 'gone', qos: 1 },
  });
  dying.stream.destroy();
  assert.equal((await next()).text, 'gone');
  await subscriber.endAsync();
}

async function persistentSession() {
  const options = { clientId: 'js-k', clean: false };
  const first = await mqtt.connectAsync(url, options);
  await first.subscribeAsync('js/k', { qos: 2 });
  await first.endAsync();
  const publisher = await mqtt.connectAsync(url, { clientId: 'js-p' });
  for (let i = 0; i < 20; ++i) await publisher.publishAsync('js/k', `${i}`, { qos: 2 });
  const second = mqtt.connect(url, options);
  const next = inbox(second);
  const connack = await new Promise((resolve) => second.once('connect', resolve));
  assert.equal(connack.sessionPresent, true);
  for (let i = 0; i < 20; ++i) assert.equal((await next()).text, `${i}`);
  await second.endAsync();
  await (await mqtt.connectAsync(url, { clientId: 'js-k', clean: true })).endAsync();
  await publisher.endAsync();
}

await everyQos();
await retained();
await will();
await persistentSession();
clearTimeout(patience);
