// A proxy that ends WebSockets and opens its own behind them, as some CDNs and application firewalls do: frames are read and sent
// again as messages. Arguments: the server's port, and what becomes of the server's WebSocket pings:
//   passes    sent on as a ping of its own, the client's pong sent back
//   answers   answered here at once; the client never sees one
// It tells the server the client's address in X-Forwarded-For, as such proxies do.
'use strict';
const http = require('http');
const { WebSocket, WebSocketServer } = require('ws');

const [port, pings] = [Number(process.argv[2]), process.argv[3]];
const agent = new http.Agent({ keepAlive: true });
const door = new WebSocketServer({ noServer: true, perMessageDeflate: false, autoPong: pings === 'answers', maxPayload: 1e7 });

function headersOf(request) {
  return { ...request.headers, 'x-forwarded-for': request.socket.remoteAddress };
}

function carry(request, response) {
  const onward = http.request({ port, agent, method: request.method, path: request.url, headers: headersOf(request) }, (answer) => {
    response.writeHead(answer.statusCode, answer.headers);
    answer.pipe(response);
    answer.on('error', () => response.destroy());
  });
  onward.on('error', () => (response.headersSent ? response.destroy() : response.writeHead(502).end()));
  response.on('close', () => onward.destroy());
  request.pipe(onward);
}

// What one end says goes to the other; what ends one ends the other, with a Close frame only where there was one.
function join(from, to) {
  from.on('message', (data, isBinary) => to.send(data, { binary: isBinary }));
  from.on('close', (code) => (code === 1006 ? to.terminate() : to.close()));
  from.on('error', () => to.terminate());
  if (pings === 'passes') {
    from.on('ping', (data) => to.readyState === WebSocket.OPEN && to.ping(data));
    from.on('pong', (data) => to.readyState === WebSocket.OPEN && to.pong(data));
  }
}

function upgrade(request, socket, head) {
  const wanted = ['user-agent', 'origin', 'cookie', 'authorization'].filter((name) => request.headers[name]);
  const headers = Object.fromEntries(wanted.map((name) => [name, request.headers[name]]));
  headers['x-forwarded-for'] = request.socket.remoteAddress;
  const settings = { headers, perMessageDeflate: false, autoPong: pings === 'answers', maxPayload: 1e7 };
  const server = new WebSocket(`ws://127.0.0.1:${port}${request.url}`, settings);
  socket.on('error', () => server.terminate());
  server.on('unexpected-response', (_, answer) => socket.end(`HTTP/1.1 ${answer.statusCode} no\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`));
  server.on('error', () => socket.destroy());
  server.on('open', () => {
    door.handleUpgrade(request, socket, head, (client) => {
      join(client, server);
      join(server, client);
    });
  });
}

const web = http.createServer(carry);
web.on('upgrade', upgrade);
web.listen(0, '127.0.0.1', () => process.stdout.write(JSON.stringify({ on: 'ready', port: web.address().port }) + '\n'));
process.stdin.on('data', () => {}).on('close', () => process.exit(0));
