// A Socket.IO device over the JavaScript client named on the command line (an npm alias), told what to do by JSON lines.
// Deliberately no more than what an application would write around the library. The line protocol: e2e/README.md.
'use strict';
const readline = require('readline');

const alias = process.argv[2];
const io = require(alias);
const TRANSPORTS = { polling: ['polling'], websocket: ['websocket'], upgrade: ['polling', 'websocket'] };

let socket = null;
const listened = [];

function say(fact) {
  fact.t = Date.now() / 1000;
  process.stdout.write(JSON.stringify(fact) + '\n');
}

function attach(target, name) {
  target.on(name, (...args) => say({ on: 'event', name, args }));
}

function watchTransport(target) {
  const engine = target.io.engine;
  say({ on: 'transport', name: engine.transport.name });
  engine.on('upgrade', (transport) => say({ on: 'transport', name: transport.name }));
}

const orders = {
  connect({ url, transports = 'upgrade', query = '', reconnect = false, register_on_connect }) {
    const client = io(url, {
      forceNew: true,
      transports: TRANSPORTS[transports],
      query: Object.fromEntries(new URLSearchParams(query)),
      reconnection: reconnect,
      reconnectionDelay: 1000,
      reconnectionDelayMax: 2000,
    });
    socket = client;
    client.on('connect', () => {
      say({ on: 'connected', id: client.id });
      watchTransport(client);
      if (register_on_connect !== undefined) client.emit('register', { data: register_on_connect });
    });
    client.on('disconnect', (reason) => say({ on: 'disconnected', reason }));
    client.on('connect_error', (error) => say({ on: 'connect_error', why: [String(error)] }));
    client.on('error', (error) => say({ on: 'connect_error', why: [String(error)] }));
    client.on('_register', (answer) => {
      if (!client.hasListeners(answer.token)) attach(client, answer.token);
      say({ on: 'registered', token: answer.token });
    });
    client.on('_register_error', (answer) => say({ on: 'register_error', answer }));
    attach(client, 'app broadcast');
    listened.forEach((name) => attach(client, name));
  },
  register({ uid }) {
    socket.emit('register', { data: uid });
  },
  emit({ event, args }) {
    socket.emit(event, ...args);
  },
  emit_ack({ event, args, n = 0 }) {
    socket.emit(event, ...args, (...answer) => say({ on: 'ack', n, args: answer }));
  },
  listen({ event }) {
    listened.push(event);
    if (socket) attach(socket, event);
  },
  disconnect() {
    socket.disconnect();
  },
  kill() {
    process.kill(process.pid, 'SIGKILL');
  },
};

const input = readline.createInterface({ input: process.stdin });
input.on('line', (line) => {
  const order = JSON.parse(line);
  try {
    orders[order.do](order);
  } catch (problem) {
    say({ on: 'failed', why: String(problem) });
  }
});
input.on('close', () => process.exit(0));
say({ on: 'ready', client: `${alias} ${require(alias + '/package.json').version}` });
