// mqttjs_browser.js WHAT ORIGIN SERVER_CERTIFICATE SCRATCH_FOLDER URL...: headless Chromium with a page of that origin
// on which mqttjs_page.js runs. Exit 0 when all went well.
//
// The page comes from a server of our own, whatever the origin's name: Chromium is told to find it there. It also tells
// by itself what became of it, so that nobody has to guess when it is done.
const childProcess = require('node:child_process');
const crypto = require('node:crypto');
const fs = require('node:fs');
const http = require('node:http');
const path = require('node:path');

const [what, origin, certificate, scratch, ...urls] = process.argv.slice(2);
const kPatienceMs = 190_000;
const kVersions = ['3.1', '3.1.1', '5'];

function bundle() {
  const script = path.join(scratch, 'page.js');
  const modules = '/usr/share/nodejs';
  childProcess.execFileSync('esbuild', [
    path.join(__dirname, 'mqttjs_page.js'), '--bundle', '--platform=browser', '--define:global=globalThis',
    `--alias:ws=${modules}/ws/browser.js`, `--outfile=${script}`, '--log-level=warning',
  ], { env: { ...process.env, NODE_PATH: modules }, stdio: ['ignore', 'inherit', 'inherit'] });
  return fs.readFileSync(script);
}

function serve(script, onVerdict) {
  return http.createServer((request, response) => {
    if (request.method === 'POST') {
      const parts = [];
      request.on('data', (part) => parts.push(part));
      request.on('end', () => { response.end(); onVerdict(Buffer.concat(parts).toString()); });
    } else if (request.url === '/page.js') {
      response.setHeader('content-type', 'text/javascript').end(script);
    } else {
      response.setHeader('content-type', 'text/html').end('<!doctype html><script src="/page.js"></script>');
    }
  });
}

function startChromium(port) {
  const key = new crypto.X509Certificate(fs.readFileSync(certificate)).publicKey.export({ type: 'spki', format: 'der' });
  const query = new URLSearchParams([['what', what], ...urls.map((url) => ['url', url]),
    ...kVersions.map((version) => ['version', version])]);
  return childProcess.spawn('chromium', [
    '--headless', '--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--no-first-run', '--no-proxy-server',
    '--disable-background-networking', '--disable-component-update', `--user-data-dir=${scratch}/profile`,
    `--ignore-certificate-errors-spki-list=${crypto.createHash('sha256').update(key).digest('base64')}`,
    `--host-resolver-rules=MAP ${new URL(origin).host} 127.0.0.1:${port}`,
    '--enable-logging=stderr', `${origin}/?${query}`,
  ], { detached: true, stdio: ['ignore', 'ignore', 'pipe'] });
}

// What became of it, once anybody knows.
function verdictOf(script) {
  return new Promise((resolve) => {
    let said = '';
    const settle = (verdict) => resolve(verdict === 'ok' ? verdict : `${verdict}\n\n${said}`);
    const server = serve(script, settle);
    server.listen(0, '127.0.0.1', () => {
      const chromium = startChromium(server.address().port);
      chromium.stderr.on('data', (text) => { said += text; });
      chromium.once('error', settle);
      chromium.once('exit', () => settle('Chromium has ended'));
      setTimeout(() => settle('the page said nothing'), kPatienceMs);
      // It is a group of processes.
      chromium.once('spawn', () => process.once('exit', () => process.kill(-chromium.pid, 'SIGKILL')));
    });
  });
}

verdictOf(bundle()).then((verdict) => {
  if (verdict !== 'ok') console.error(verdict);
  process.exit(verdict === 'ok' ? 0 : 1);
});
