// A backend on npm's Ice: does what JSON lines on its standard input ask, and answers each with one line (client.py says what).
// Arguments: the folder of what slice2js made of Push.ice and Probe.ice, the proxy, then Ice properties as Name=Value. NODE_PATH names where `ice` is.

"use strict";

const path = require("node:path");
const readline = require("node:readline");

const { Ice } = require("ice");
const { Push } = require(path.resolve(process.argv[2], "Push.js"));
require(path.resolve(process.argv[2], "Probe.js"));

// JSON of what Slice's types hold.
function plain(value) {
  if (value === undefined || value === null) return null;
  if (value instanceof Ice.Long) return value.toNumber();
  if (value instanceof Map) return Object.fromEntries([...value].map(([key, each]) => [key, plain(each)]));
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value === "object") return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, plain(each)]));
  return value;
}

const MEMBERS = ["reason", "text", "requestId", "extra", "field", "id", "maxBytes", "actualBytes", "retryAfterMs"];

function failure(error) {
  if (!(error instanceof Ice.Exception)) throw error;
  const told = { error: error.ice_id() };
  if (error instanceof Push.PushError) {
    told.members = Object.fromEntries(MEMBERS.filter((name) => name in error).map((name) => [name, plain(error[name])]));
  }
  if ("unknown" in error) told.text = error.unknown;
  return told;
}

function given(each) {
  if (each === null) return undefined;
  return typeof each === "object" && !Array.isArray(each) ? new Map(Object.entries(each)) : each;
}

const pause = (ms) => new Promise((done) => setTimeout(done, ms));
let kept = null;

const ASKS = {
  call: (proxy, { op, args = [] }) => proxy[op](...args.map(given)),
  probe: (proxy, { op, args = [] }) => Push.ProbePrx.uncheckedCast(proxy)[op](...args),
  async many(proxy, { uid, count }) {
    const all = await Promise.all(Array.from({ length: count }, (_, n) => proxy.send(`${uid}${n}`, String(n))));
    return all.map((accepted) => accepted.extra.get("payload"));
  },
  async flood(proxy, { uid, count }) {
    const all = await Promise.all(Array.from({ length: count }, (_, n) => proxy.send(uid, String(n))));
    return new Set(all.map((accepted) => accepted.id)).size;
  },
  async batch(proxy, { count }) {
    const batched = Push.ProbePrx.uncheckedCast(proxy.ice_batchOneway());
    for (let n = 0; n < count; n++) await batched.recall("m1");
    await batched.ice_flushBatchRequests();
  },
  async cast(proxy) {
    return {
      as: (await Push.PushServicePrx.checkedCast(proxy)) !== null,
      not: (await Push.PushListenerPrx.checkedCast(proxy)) === null,
      ids: await proxy.ice_ids(),
      id: await proxy.ice_id(),
    };
  },
  async load(proxy, { count }) {
    const failed = [];
    for (let n = 0; n < count; n++) {
      try {
        await proxy.send("42", String(n));
        await proxy.online(["on"]);
      } catch (error) {
        failed.push(failure(error));
      }
    }
    return failed;
  },
  async keyed(proxy, { uid, count, key }) {
    const ids = [];
    let repeats = 0;
    for (let n = 0; n < count; n++) {
      for (let attempt = 0; attempt < 400; attempt++) {
        try {
          ids.push((await proxy.send(uid, String(n), undefined, `${key}-${n}`)).id);
          break;
        } catch (error) {
          if (![Push.Busy, Ice.ConnectFailedException, Ice.ConnectionLostException].some((kind) => error instanceof kind)) throw error;
          repeats++;
          await pause(50);
        }
      }
    }
    return { ids, repeats };
  },
  async keep(proxy) {
    const connection = await proxy.ice_getConnection();
    const same = connection === kept;
    kept = connection;
    return same;
  },
};

async function answer(communicator, text, ask) {
  try {
    let proxy = communicator.stringToProxy(ask.proxy ?? text);
    if (ask.oneway) proxy = proxy.ice_oneway();
    if (ask.context) proxy = proxy.ice_context(new Map(Object.entries(ask.context)));
    return { value: plain(await ASKS[ask.do](Push.PushServicePrx.uncheckedCast(proxy), ask)) };
  } catch (error) {
    return failure(error);
  }
}

async function main() {
  const settings = new Ice.InitializationData();
  settings.properties = Ice.createProperties(process.argv.slice(4).map((each) => `--${each}`));
  const communicator = Ice.initialize(settings);
  for await (const line of readline.createInterface({ input: process.stdin })) {
    console.log(JSON.stringify(await answer(communicator, process.argv[3], JSON.parse(line))));
  }
  await communicator.destroy();
}

main();
