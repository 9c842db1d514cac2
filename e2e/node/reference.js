// The tutorial's contract on the reference implementation (npm socket.io with allowEIO3), to check the drivers without our server.
// Deliberately forgetful: no store, no mailbox, no proof. It says what a client can be expected to do, not what Tidings does.
'use strict';
const http = require('http');
const { randomBytes } = require('crypto');
const { Server } = require('socket.io');

const web = http.createServer(answer);
const sockets = new Server(web, { allowEIO3: true, cors: { origin: true, credentials: true } });
const tokens = new Map();
const reports = [];

function tokenOf(uid) {
  if (!tokens.has(uid)) tokens.set(uid, 'p_' + randomBytes(24).toString('base64url'));
  return tokens.get(uid);
}

sockets.on('connection', (socket) => {
  socket.on('register', ({ data }) => {
    const token = tokenOf(String(data));
    socket.join(token);
    socket.emit('_register', { token });
  });
  const report = (status, ack) => {
    reports.push(status);
    if (typeof ack === 'function') ack({ ok: true });
  };
  socket.on('report', report);
  socket.on('reporter', report);
});

function send({ data, uid, token }) {
  const target = token || (uid !== undefined ? tokenOf(String(uid)) : null);
  if (target) sockets.to(target).emit(target, { data });
  else sockets.emit('app broadcast', { data });
}

function answer(request, response) {
  if (request.method === 'GET' && request.url === '/reports') return response.end(JSON.stringify(reports));
  if (request.method !== 'POST' || request.url !== '/message') return response.writeHead(404).end();
  let body = '';
  request.setEncoding('utf8').on('data', (part) => (body += part));
  request.on('end', () => {
    send(JSON.parse(body));
    response.end('OK');
  });
}

web.listen(Number(process.argv[2] || 0), '127.0.0.1', () => {
  process.stdout.write(JSON.stringify({ port: web.address().port }) + '\n');
});
