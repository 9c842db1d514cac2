// Debian's Chromium, told what to do by JSON lines: pages for tests of pages, and in pages of our own the browser's Socket.IO
// clients as devices. Each page has a context of its own, so that the browser's six connections a host are its own too.
// The line protocol: e2e/README.md.
'use strict';
const fs = require('fs');
const http = require('http');
const path = require('path');
const readline = require('readline');
const { chromium } = require('playwright-core');

// alias -> the bundle as the package publishes it for a <script>.
const BUNDLES = {
  'socket.io-client-1.3': 'socket.io.js',
  'socket.io-client-1': 'dist/socket.io.js',
  'socket.io-client-2': 'dist/socket.io.js',
  'socket.io-client-3': 'dist/socket.io.js',
  'socket.io-client-4': 'dist/socket.io.min.js',
};
const PATIENCE_MS = 15000;
const pages = new Map();
const opening = new Map();

function say(fact) {
  process.stdout.write(JSON.stringify({ t: Date.now() / 1000, ...fact }) + '\n');
}

// What a device's page loads: the bundle, and around it the same few lines as on Node.
const web = http.createServer((request, response) => {
  const name = decodeURIComponent(request.url.slice(1));
  const files = { 'device.js': path.join(__dirname, 'device.js') };
  for (const [alias, file] of Object.entries(BUNDLES)) files[alias + '.js'] = path.join(__dirname, 'node_modules', alias, file);
  if (files[name]) return response.writeHead(200, { 'Content-Type': 'text/javascript' }).end(fs.readFileSync(files[name]));
  if (!BUNDLES[name]) return response.writeHead(404).end();
  response.writeHead(200, { 'Content-Type': 'text/html; charset=utf-8' });
  response.end(`<!doctype html><link rel="icon" href="data:,"><title>${name}</title><body><script src="/${name}.js"></script><script src="/device.js"></script>
<script>
// Facts cross over in batches: one crossing costs more than the fact.
const facts = [];
function tell(fact) {
  if (facts.push({ t: Date.now() / 1000, ...fact }) === 1) setTimeout(() => window.say(JSON.stringify(facts.splice(0))));
}
window.obey = makeDevice(io, tell, (bytes) => bytes.buffer);
</script>`);
});

async function open(browser, { page: name, url, width = 1280, height = 800, scheme = 'light', mobile = false }, tell) {
  const context = await browser.newContext({ viewport: { width, height }, colorScheme: scheme, isMobile: mobile, hasTouch: mobile });
  context.setDefaultTimeout(PATIENCE_MS);
  const page = await context.newPage();
  page.on('console', (message) => tell({ on: 'console', type: message.type(), text: message.text() }));
  page.on('pageerror', (error) => tell({ on: 'page_error', why: String(error) }));
  await page.exposeFunction('say', (facts) => JSON.parse(facts).forEach(tell));
  await page.goto(url);
  pages.set(name, page);
}

// A page whose scripts stand still from their next statement on. (The state `frozen` of the DevTools protocol does nothing without a screen.)
const debuggers = new Map();

async function freeze(page) {
  debuggers.set(page, await page.context().newCDPSession(page));
  await debuggers.get(page).send('Debugger.enable');
  await debuggers.get(page).send('Debugger.pause');
}

// Detaching lets the scripts go on.
async function thaw(page) {
  await debuggers.get(page).detach();
  debuggers.delete(page);
}

// Each answers with the value of `result`.
const verbs = {
  evaluate: (page, { script, arg }) => page.evaluate(new Function('arg', 'return (' + script + ')'), arg),
  until: (page, { script, arg, timeout = PATIENCE_MS }) =>
    page.waitForFunction(new Function('arg', 'return (' + script + ')'), arg, { timeout }).then((found) => found.jsonValue()),
  click: (page, { selector }) => page.click(selector),
  fill: (page, { selector, text }) => page.fill(selector, text),
  press: (page, { selector, key }) => page.press(selector, key),
  text: (page, { selector }) => page.innerText(selector),
  screenshot: (page, { file, full = false }) => page.screenshot({ path: file, fullPage: full }).then(() => file),
  offline: (page, { on }) => page.context().setOffline(on),
  freeze: (page, { on }) => (on ? freeze(page) : thaw(page)),
  close: (page, { page: name }) => {
    pages.delete(name);
    opening.delete(name);
    return page.context().close();
  },
};

async function obeyPage(browser, order) {
  const tell = (fact) => say({ page: order.page, ...fact });
  try {
    const page = pages.get(order.page);
    if (order.do !== 'open' && !page) throw new Error(`no page ${order.page}`);
    const value = order.do === 'open' ? await open(browser, order, tell) : await verbs[order.do](page, order);
    tell({ on: 'result', n: order.n, value: value === undefined ? null : value });
  } catch (problem) {
    tell({ on: 'result', n: order.n, failed: String(problem) });
  }
}

// A device: its page is opened at its first order.
async function obeyDevice(browser, order) {
  const tell = (fact) => say({ cell: order.cell, ...fact });
  try {
    if (!opening.has(order.cell)) {
      const url = `http://127.0.0.1:${web.address().port}/${encodeURIComponent(order.bundle)}`;
      opening.set(order.cell, open(browser, { page: order.cell, url }, tell));
    }
    await opening.get(order.cell);
    await pages.get(order.cell).evaluate((given) => window.obey(given), order);
  } catch (problem) {
    tell({ on: 'failed', why: String(problem) });
  }
}

async function main() {
  const executablePath = process.env.CHROMIUM || '/usr/bin/chromium';
  const browser = await chromium.launch({ executablePath, chromiumSandbox: process.getuid() !== 0, args: ['--disable-gpu'] });
  await new Promise((listening) => web.listen(0, '127.0.0.1', listening));
  const input = readline.createInterface({ input: process.stdin });
  input.on('line', (line) => {
    const order = JSON.parse(line);
    if (order.do === 'kill') process.kill(process.pid, 'SIGKILL');
    else if (order.page !== undefined) obeyPage(browser, order);
    else obeyDevice(browser, order);
  });
  input.on('close', () => browser.close().finally(() => process.exit(0)));
  say({ on: 'ready', client: `Chromium ${browser.version()}` });
}

main();
