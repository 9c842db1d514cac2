// A business server that sends over ZeroC Ice from Node: one message to one user, stored once whatever happens on the way.
//
//   npm install ice@3.7.110 slice2js@3.7.110
//   node_modules/slice2js/bin/linux-x64/slice2js idl/Push.ice        # makes Push.js
//   node send.js Push.js "push:tcp -h 127.0.0.1 -p 10000" UID JSON
//
// The key, where the server has keys, comes from TIDINGS_KEY.

"use strict";

const { randomUUID } = require("node:crypto");
const path = require("node:path");
const { Ice } = require("ice");

const [made, address, uid, payload] = process.argv.slice(2);
const { Push } = require(path.resolve(made));

const ATTEMPTS = 5;
const AGAIN = [Push.Busy, Ice.ConnectFailedException, Ice.ConnectionLostException, Ice.UnknownException];
const pause = (ms) => new Promise((done) => setTimeout(done, ms));

async function stored(push) {
  // The same id at each attempt: a message that was stored although its answer was lost is not stored again.
  const requestId = randomUUID();
  for (let attempt = 1; ; attempt++) {
    try {
      return await push.send(uid, payload, undefined, requestId);
    } catch (error) {
      if (attempt === ATTEMPTS || !AGAIN.some((kind) => error instanceof kind)) throw error;
      await pause(error.retryAfterMs ?? 200 * 2 ** attempt);
    }
  }
}

async function main() {
  const communicator = Ice.initialize();
  try {
    let push = Push.PushServicePrx.uncheckedCast(communicator.stringToProxy(address));
    const key = process.env.TIDINGS_KEY;
    // Set once, it goes with each call.
    if (key) push = push.ice_context(new Map([["token", key]]));
    const accepted = await stored(push);
    console.log(`${accepted.id} for ${accepted.devices} devices, ${accepted.online} of them connected`);
  } catch (error) {
    if (!(error instanceof Ice.Exception)) throw error;
    console.error(error instanceof Push.PushError ? `${error.reason}: ${error.text}` : `no answer: ${error.ice_id()}`);
    process.exitCode = 1;
  } finally {
    await communicator.destroy();
  }
}

main();
