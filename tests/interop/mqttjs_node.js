// mqttjs_node.js URL VERSION CA_FILE: MQTT.js in Node. NODE_PATH tells where it lies. Exit 0 when all went well.
const fs = require('node:fs');
const mqtt = require('mqtt');
const roundtrip = require('./mqttjs_roundtrip.js');

const [url, version, caFile] = process.argv.slice(2);
const ca = fs.readFileSync(caFile);
// Over WebSocket it takes what TLS needs from elsewhere than over TCP.
const trusting = { connect: (to, options) => mqtt.connect(to, { ...options, ca, wsOptions: { ca } }) };
roundtrip(trusting, url, version).catch((error) => {
  console.error(error);
  process.exit(1);
});
