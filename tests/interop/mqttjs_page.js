// The script of a web page: does what its address says, ?what=...&url=...&version=..., and posts its verdict to where it
// came from: "ok", or what went wrong. esbuild makes one file of it and MQTT.js, with Debian's packages in the place of
// the modules that Node has.
globalThis.process = require('process/browser');
globalThis.Buffer = require('buffer').Buffer;
const mqtt = require('mqtt');
const roundtrip = require('./mqttjs_roundtrip.js');

const query = new URLSearchParams(location.search);

async function roundtrips() {
  for (const url of query.getAll('url')) {
    for (const version of query.getAll('version')) await roundtrip(mqtt, url, version);
  }
}

// A page is not told why, only that it is not let in.
function isLetIn(url) {
  return new Promise((resolve) => {
    const socket = new WebSocket(url, 'mqtt');
    socket.onopen = () => resolve(true);
    socket.onerror = () => resolve(false);
  });
}

async function refusals() {
  for (const url of query.getAll('url')) {
    if (await isLetIn(url)) throw new Error(`${url} let the page in`);
  }
}

const jobs = { roundtrips, refusals };
jobs[query.get('what')]()
  .then(() => 'ok', (error) => `${error.stack}`)
  .then((verdict) => fetch('/verdict', { method: 'POST', body: verdict }));
