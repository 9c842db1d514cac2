#!/usr/bin/env node
// A business server that Tidings tells what happens, by webhook. Node's standard library only.
//
//     WEBHOOK_SECRET=whsec_... ./receive.mjs [PORT] [FILE]
//
// It answers 204 only when the events are in its file, a line for each, and knows their ids again when it starts: what
// comes twice, after an answer that got lost or a replay, is dealt with once, and a restart of either side loses nothing.

import { createHmac, timingSafeEqual } from 'node:crypto';
import { existsSync, fsyncSync, openSync, readFileSync, truncateSync, writeSync } from 'node:fs';
import { createServer } from 'node:http';

const secret = Buffer.from(process.env.WEBHOOK_SECRET.replace(/^whsec_/, ''), 'base64');
const [port = '8080', file = 'events.ndjson'] = process.argv.slice(2);
const TOLERANCE_S = 300;
const BODY_MAX = 1 << 20;

// Signed with our secret, and not long ago. During a change of secrets there are two signatures.
function isGenuine(headers, body) {
  const { 'webhook-id': id, 'webhook-timestamp': at, 'webhook-signature': signatures = '' } = headers;
  if (!(Math.abs(Date.now() / 1000 - Number(at)) <= TOLERANCE_S)) return false;
  const expected = Buffer.from('v1,' + createHmac('sha256', secret).update(`${id}.${at}.`).update(body).digest('base64'));
  return signatures.split(' ').map((given) => Buffer.from(given)).some((given) => given.length === expected.length && timingSafeEqual(given, expected));
}

// Once for each event, but for a crash right behind it: what is done here should bear that, or stand in a transaction with the id.
function dealWith(event) {
  console.log(event.type, JSON.stringify(event.data));
}

function remembered() {
  const text = existsSync(file) ? readFileSync(file, 'utf8') : '';
  const whole = text.slice(0, text.lastIndexOf('\n') + 1);
  if (text.length > whole.length) truncateSync(file, Buffer.byteLength(whole)); // a line that a crash cut off
  return new Set(whole.split('\n').filter(Boolean).map((line) => JSON.parse(line).id));
}

const known = remembered();
const log = openSync(file, 'a');

function take(events) {
  const fresh = events.filter((event) => !known.has(event.id));
  fresh.forEach(dealWith);
  writeSync(log, fresh.map((event) => JSON.stringify(event) + '\n').join(''));
  fsyncSync(log);
  fresh.forEach((event) => known.add(event.id));
}

async function receive(request, response) {
  const chunks = [];
  let size = 0;
  for await (const chunk of request) {
    size += chunk.length;
    if (size > BODY_MAX) return response.writeHead(413).end();
    chunks.push(chunk);
  }
  const body = Buffer.concat(chunks);
  if (!isGenuine(request.headers, body)) return response.writeHead(401).end();
  take(JSON.parse(body).events);
  response.writeHead(204).end();
}

// A request that breaks off, or a disk that is full, is an answer that does not come: Tidings tries again.
const server = createServer((request, response) => receive(request, response).catch(() => response.destroy()));

server.listen(Number(port), '127.0.0.1', () => console.log(`listening on 127.0.0.1:${server.address().port}`));
