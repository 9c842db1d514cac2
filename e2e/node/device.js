// What an application writes around the JavaScript client, told what to do by orders: on Node and in a page alike.
// Deliberately nothing more. `makeDevice(io, say, bytes)`: `say(fact)` takes what happened, `bytes` makes the platform's binary.
// The line protocol: e2e/README.md.
'use strict';
(function (root) {
  const TRANSPORTS = { polling: ['polling'], jsonp: ['polling'], websocket: ['websocket'], upgrade: ['polling', 'websocket'] };

  // Binary travels in the lines as {"$bytes": "0102"}, at any depth.
  function toHex(view) {
    return Array.from(view, (byte) => byte.toString(16).padStart(2, '0')).join('');
  }

  function viewOf(value) {
    if (value instanceof ArrayBuffer) return new Uint8Array(value);
    return ArrayBuffer.isView(value) ? new Uint8Array(value.buffer, value.byteOffset, value.byteLength) : null;
  }

  function told(value) {
    if (value === null || typeof value !== 'object') return value;
    const view = viewOf(value);
    if (view) return { $bytes: toHex(view) };
    if (Array.isArray(value)) return value.map(told);
    return Object.fromEntries(Object.entries(value).map(([key, part]) => [key, told(part)]));
  }

  function meant(value, bytes) {
    if (value === null || typeof value !== 'object') return value;
    if (Array.isArray(value)) return value.map((part) => meant(part, bytes));
    if (typeof value.$bytes === 'string') return bytes(Uint8Array.from(value.$bytes.match(/../g) || [], (pair) => parseInt(pair, 16)));
    return Object.fromEntries(Object.entries(value).map(([key, part]) => [key, meant(part, bytes)]));
  }

  function why(error) {
    const text = error && typeof error === 'object' && error.message !== undefined ? error.message : error;
    return [typeof text === 'string' ? text : JSON.stringify(text)];
  }

  root.makeDevice = function (io, tell, bytes) {
    const listened = [];
    let sockets = {};
    let first = '/';

    function say(ns, fact) {
      tell(ns === '/' ? fact : { ...fact, ns });
    }

    // An event that asks for an answer gets its own arguments back.
    function attach(socket, ns, name) {
      socket.on(name, (...args) => {
        const answer = typeof args[args.length - 1] === 'function' ? args.pop() : null;
        say(ns, { on: 'event', name, args: told(args) });
        if (answer) answer(...args);
      });
    }

    function watchTransport(socket, ns) {
      const engine = socket.io.engine;
      say(ns, { on: 'transport', name: engine.transport.name });
      engine.on('upgrade', (transport) => say(ns, { on: 'transport', name: transport.name }));
    }

    // Events with running numbers, about one a millisecond.
    function pour(socket, { event, count }) {
      let number = 0;
      const timer = setInterval(() => {
        if (number >= count) return clearInterval(timer);
        socket.emit(event, number);
        number += 1;
      }, 1);
    }

    // `after_ms`: as an app does that hands the token to its main thread first.
    function listenToToken(socket, ns, token, after_ms) {
      const listen = () => !socket.hasListeners(token) && attach(socket, ns, token);
      if (after_ms === undefined) return listen();
      setTimeout(() => {
        listen();
        say(ns, { on: 'listening' });
      }, after_ms);
    }

    function watch(socket, ns, { register_on_connect, stream_on_connect, listen_after_ms } = {}) {
      sockets[ns] = socket;
      socket.on('connect', () => {
        if (stream_on_connect) pour(socket, stream_on_connect);
        say(ns, { on: 'connected', id: socket.id });
        watchTransport(socket, ns);
        if (register_on_connect !== undefined) socket.emit('register', { data: register_on_connect });
      });
      socket.on('disconnect', (reason) => say(ns, { on: 'disconnected', reason }));
      socket.on('connect_error', (error) => say(ns, { on: 'connect_error', why: why(error) }));
      socket.on('error', (error) => say(ns, { on: 'connect_error', why: why(error) }));
      socket.on('_register', (answer) => {
        listenToToken(socket, ns, answer.token, listen_after_ms);
        say(ns, { on: 'registered', token: answer.token });
      });
      socket.on('_register_error', (answer) => say(ns, { on: 'register_error', answer }));
      attach(socket, ns, 'app broadcast');
      listened.forEach((name) => attach(socket, ns, name));
    }

    function connect(order) {
      const { url, transports = 'upgrade', query = '', auth, reconnect = false, ns = '/', also = [] } = order;
      sockets = {};
      first = ns;
      const options = {
        forceNew: true,
        transports: TRANSPORTS[transports],
        forceJSONP: transports === 'jsonp',
        reconnection: reconnect,
        reconnectionDelay: 1000,
        reconnectionDelayMax: 2000,
      };
      // Before 1.4 the client took a query as text only, and from the URL.
      const base = url + (ns === '/' ? '/' : ns) + (query ? '?' + query : '');
      const socket = io(base, auth ? { ...options, auth } : options);
      watch(socket, ns, order);
      also.forEach((name) => watch(socket.io.socket(name), name));
    }

    function at({ ns }) {
      return sockets[ns === undefined ? first : ns];
    }

    const orders = {
      connect,
      register(order) {
        at(order).emit('register', { data: order.uid });
      },
      emit(order) {
        at(order).emit(order.event, ...meant(order.args, bytes));
      },
      emit_ack(order) {
        const answered = (...answer) => say(order.ns === undefined ? first : order.ns, { on: 'ack', n: order.n || 0, args: told(answer) });
        for (let times = order.times || 1; times > 0; times -= 1) at(order).emit(order.event, ...meant(order.args, bytes), answered);
      },
      listen(order) {
        listened.push(order.event);
        Object.entries(sockets).forEach(([ns, socket]) => attach(socket, ns, order.event));
      },
      disconnect(order) {
        at(order).disconnect();
      },
    };

    return function obey(order) {
      try {
        if (!orders[order.do]) throw new Error('no such order: ' + order.do);
        orders[order.do](order);
      } catch (problem) {
        tell({ on: 'failed', why: String(problem) });
      }
    };
  };
})(typeof module === 'undefined' ? window : module.exports);
