// The demo page: a backend and a device in one tab. The backend half calls /message and reads /v1/events with fetch, as a
// server would; the device half is a Socket.IO client that registers like any app. Neither half tells the other anything:
// what is shown of a message comes from the answer, from the phone's own listener, or from the outbox.
/* global io */

const el = (id) => document.getElementById(id);
const settings = await (await fetch('demo/settings.json')).json();

// ---------- the journeys: one card for each message ----------

/** The oldest leave the page. */
const KEPT = 60;
const journeys = [];

/** A message as this page knows it; a step is null, or what is to be shown of it. */
class Journey {
  constructor(text, to) {
    Object.assign(this, { text, to, id: null, started: performance.now(), accepted: null, arrived: null, reached: null, reported: null, refused: null });
    this.view = document.createElement('li');
    el('empty').hidden = true;
    el('way').prepend(this.view);
    journeys.push(this);
    if (journeys.length > KEPT) journeys.shift().view.remove();
    this.show();
  }

  since() {
    return span(performance.now() - this.started);
  }

  show() {
    const head = element('div', { class: 'what' }, element('b', {}, this.text), element('span', {}, { user: 'this user', all: 'everyone', other: 'from elsewhere' }[this.to]));
    this.view.replaceChildren(head, this.refused ? element('p', { class: 'refused' }, this.refused) : this.steps());
    mailbox();
  }

  steps() {
    const away = this.accepted && !this.arrived && !online();
    const proof = this.to === 'all' ? step('Reached', 'none', 'a broadcast’s proofs are counted, not told one by one') : step('Reached', this.reached ? 'done' : '', this.reached);
    return element('ol', { class: 'steps' },
      step('Accepted', this.accepted ? 'done' : '', this.accepted ?? 'storing'),
      step('Arrived', this.arrived ? 'done' : away ? 'waits' : '', this.arrived ?? (away ? 'waits in the mailbox' : '')),
      proof,
      step('Reported', this.reported ? 'done' : '', this.reported ?? (this.arrived ? 'press Read on the phone' : '')));
  }
}

function step(name, state, says) {
  return element('li', { class: state }, element('b', {}, name), element('small', {}, says ?? ''));
}

function element(tag, attributes, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

/** Milliseconds as a person reads them. */
function span(ms) {
  return ms < 10 ? `${ms.toFixed(1)} ms` : ms < 10_000 ? `${Math.round(ms)} ms` : `${Math.round(ms / 1000)} s`;
}

function mailbox() {
  const waiting = journeys.filter((journey) => journey.accepted && !journey.arrived).length;
  el('mailbox').textContent = waiting === 0 ? '' : waiting === 1 ? '1 message waits in the mailbox' : `${waiting} messages wait in the mailbox`;
}

// ---------- the backend ----------

const uid = remembered('tidings-demo-uid', () => `demo-${Math.random().toString(36).slice(2, 7)}`);
const key = el('secret');
key.value = sessionStorage.getItem('tidings-demo-key') ?? '';
key.addEventListener('change', () => sessionStorage.setItem('tidings-demo-key', key.value.trim()));

function authorized(headers) {
  return key.value ? { ...headers, Authorization: `Bearer ${key.value.trim()}` } : headers;
}

function draft() {
  const data = el('text').value;
  return el('send').elements.to.value === 'all' ? { data } : { data, uid };
}

function showCurl() {
  const quoted = JSON.stringify(draft()).replaceAll("'", "'\\''");
  el('curl').textContent = `curl ${location.origin}/message \\\n  -d '${quoted}'`;
}

async function send() {
  const body = draft();
  const journey = new Journey(body.data, body.uid ? 'user' : 'all');
  try {
    const headers = authorized({ 'Content-Type': 'application/json', Accept: 'application/json' });
    const answer = await fetch('message', { method: 'POST', headers, body: JSON.stringify(body) });
    const said = await answer.json();
    if (answer.ok) Object.assign(journey, { id: said.id, accepted: `stored in ${journey.since()}` });
    else journey.refused = refusal(answer, said.error);
  } catch {
    journey.refused = 'The server did not answer. Is it running?';
  }
  journey.show();
  if (journey.id) claim(journey);
}

function refusal(answer, error) {
  if (answer.status === 401 || answer.status === 403) el('key').hidden = false;
  return `${error.code}: ${error.message}`;
}

// ---------- the outbox: what the business server is told ----------

/** Facts about messages whose answer has not come yet, by message id. */
const early = new Map();

async function follow() {
  let cursor = settings.cursor;
  for (;;) {
    try {
      const answer = await fetch(`v1/events?wait_s=25&types=message.reported&cursor=${cursor}`, { headers: authorized({}) });
      if (!answer.ok) throw new Error(refusal(answer, (await answer.json()).error));
      cursor = answer.headers.get('Tidings-Next-Cursor');
      for (const line of (await answer.text()).split('\n').filter(Boolean)) hear(JSON.parse(line));
    } catch {
      await new Promise((resolve) => setTimeout(resolve, 2000));
    }
  }
}

function hear(event) {
  const { uid: whose, message_id: id, proof, status } = event.data;
  if (whose !== uid || !id) return;
  const fact = status === null ? { reached: `${proof}, after ${span(Date.parse(event.at) - born(id))}` } : { reported: JSON.stringify(status) };
  const journey = journeys.find((journey) => journey.id === id) ?? stranger(id);
  if (journey) Object.assign(journey, fact).show();
  else early.set(id, { ...early.get(id), ...fact });
}

/** What another caller sent has no id here until the outbox names it: the oldest one that is without. */
function stranger(id) {
  const journey = journeys.find((journey) => journey.to === 'other' && !journey.id);
  if (journey) journey.id = id;
  return journey;
}

function claim(journey) {
  Object.assign(journey, early.get(journey.id)).show();
  early.delete(journey.id);
}

/** A message id is a UUIDv7: its first 48 bits are the server's milliseconds. */
function born(id) {
  return Number.parseInt(id.replaceAll('-', '').slice(0, 12), 16);
}

// ---------- the device ----------

const phone = io(settings.devices ?? `${location.protocol}//${location.hostname}:${settings.devices_port}`, {
  path: settings.path, autoConnect: false, query: { device: remembered('tidings-demo-device', () => `tab-${Math.random().toString(36).slice(2, 10)}`) },
});
const online = () => phone.connected;
let listening = null;

phone.on('connect', () => phone.emit('register', { data: uid }));
phone.on('_register', ({ token }) => {
  if (listening) phone.off(listening, receive);
  listening = token;
  phone.on(token, receive);
  el('token').textContent = `${token.slice(0, 8)}…`;
  el('token').title = token;
  signal('on');
});
phone.on('_register_error', ({ code, message }) => { el('token').textContent = `${code}: ${message}`; });
phone.on('app broadcast', receive);
phone.on('disconnect', () => signal('off'));
phone.on('connect_error', () => signal('off'));

function receive({ data }) {
  const text = typeof data === 'string' ? data : JSON.stringify(data);
  const journey = journeys.find((journey) => !journey.arrived && !journey.refused && journey.text === text) ?? new Journey(text, 'other');
  journey.accepted ??= 'by another caller';
  journey.arrived = journey.to === 'other' ? 'now' : `after ${journey.since()}`;
  journey.show();
  notify(journey);
}

function notify(journey) {
  const time = new Date().toLocaleTimeString([], { hour: '2-digit', minute: '2-digit' });
  const read = element('button', { type: 'button' }, 'Read');
  read.addEventListener('click', () => {
    read.disabled = true;
    read.textContent = 'Reported';
    phone.emit('report', journey.id ? { status: 'read', id: journey.id } : { status: 'read' });
    if (journey.to === 'all') Object.assign(journey, { reported: '"read"' }).show();
  });
  el('screen').prepend(element('li', {}, element('div', { class: 'from' }, element('span', {}, 'Your app'), element('span', {}, time)), element('p', {}, journey.text), read));
}

function signal(state) {
  el('phone').dataset.state = state;
  el('signal').textContent = state === 'on' ? 'online' : 'offline';
  for (const journey of journeys) journey.show();
}

// ---------- the page ----------

function remembered(name, make) {
  const value = sessionStorage.getItem(name) ?? make();
  sessionStorage.setItem(name, value);
  return value;
}

function tick() {
  el('clock').textContent = new Date().toLocaleTimeString([], { hour: '2-digit', minute: '2-digit' });
}

el('uid').textContent = uid;
el('send').addEventListener('submit', (event) => { event.preventDefault(); send(); });
el('send').addEventListener('input', showCurl);
el('text').addEventListener('keydown', (event) => { if (event.key === 'Enter' && !event.shiftKey) { event.preventDefault(); el('send').requestSubmit(); } });
el('chips').addEventListener('click', (event) => { if (event.target.matches('button')) { el('text').value = event.target.textContent; showCurl(); } });
el('copy').addEventListener('click', async () => { await navigator.clipboard.writeText(el('curl').textContent); el('copy').textContent = 'Copied'; setTimeout(() => { el('copy').textContent = 'Copy'; }, 1500); });
el('online').addEventListener('change', (event) => (event.target.checked ? phone.connect() : phone.disconnect()));
tick();
setInterval(tick, 5000);
showCurl();
phone.connect();
follow();
