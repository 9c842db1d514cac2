// Socket.IO devices over the JavaScript client named on the command line (an npm alias), on Node: as many as there are cells.
'use strict';
const readline = require('readline');
const { makeDevice } = require('./device.js');

const alias = process.argv[2];
const io = require(alias);
const cells = new Map();

function say(fact) {
  fact.t = Date.now() / 1000;
  process.stdout.write(JSON.stringify(fact) + '\n');
}

function deviceOf(cell) {
  if (!cells.has(cell)) {
    const tell = (fact) => say(cell === undefined ? fact : { cell, ...fact });
    cells.set(cell, makeDevice(io, tell, (bytes) => Buffer.from(bytes)));
  }
  return cells.get(cell);
}

const input = readline.createInterface({ input: process.stdin });
input.on('line', (line) => {
  const order = JSON.parse(line);
  if (order.do === 'kill') process.kill(process.pid, 'SIGKILL');
  deviceOf(order.cell)(order);
});
input.on('close', () => process.exit(0));
say({ on: 'ready', client: `${alias} ${require(alias + '/package.json').version}` });
