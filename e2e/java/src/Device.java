import io.socket.client.Ack;
import io.socket.client.IO;
import io.socket.client.Socket;
import io.socket.emitter.Emitter;
import java.lang.reflect.Field;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import org.json.JSONArray;
import org.json.JSONObject;

/**
 * What an application writes around the library, told what to do by orders.
 * Event names are string literals: the constants differ between the generations.
 */
final class Device {
    /** Where an app that attaches its listener late does so. */
    private static final ScheduledExecutorService MAIN_THREAD = Executors.newSingleThreadScheduledExecutor();

    private final String cell;
    private final List<String> listened = new CopyOnWriteArrayList<String>();
    private final Map<String, Socket> sockets = new ConcurrentHashMap<String, Socket>();
    private String first = "/";

    Device(String cell) {
        this.cell = cell;
    }

    void obey(JSONObject order) {
        try {
            perform(order.getString("do"), order);
        } catch (Exception problem) {
            say("/", Lines.with(Lines.fact("failed"), "why", problem.toString()));
        }
    }

    private void perform(String verb, JSONObject order) throws Exception {
        if (verb.equals("connect")) {
            connect(order);
        } else if (verb.equals("register")) {
            at(order).emit("register", new JSONObject().put("data", order.get("uid")));
        } else if (verb.equals("emit")) {
            at(order).emit(order.getString("event"), Binary.meant(order.getJSONArray("args")).toArray());
        } else if (verb.equals("emit_ack")) {
            emitAck(order);
        } else if (verb.equals("listen")) {
            listen(order.getString("event"));
        } else if (verb.equals("disconnect")) {
            at(order).disconnect();
        } else if (verb.equals("kill")) {
            Runtime.getRuntime().halt(9);
        } else {
            throw new IllegalArgumentException("no such order: " + verb);
        }
    }

    private void say(String ns, JSONObject fact) {
        if (!cell.isEmpty()) {
            Lines.with(fact, "cell", cell);
        }
        Lines.say(ns.equals("/") ? fact : Lines.with(fact, "ns", ns));
    }

    private Socket at(JSONObject order) {
        return sockets.get(order.optString("ns", first));
    }

    private void connect(JSONObject order) throws Exception {
        IO.Options options = new IO.Options();
        options.forceNew = true;
        options.reconnection = order.optBoolean("reconnect", false);
        options.reconnectionDelayMax = 2000;
        options.transports = transports(order.optString("transports", "upgrade"));
        options.query = order.optString("query", "");
        setAuth(options, order.optJSONObject("auth"));
        sockets.clear();
        first = order.optString("ns", "/");
        Socket socket = IO.socket(order.getString("url") + (first.equals("/") ? "" : first), options);
        watch(socket, first, order);
        JSONArray also = order.optJSONArray("also");
        for (int at = 0; also != null && at < also.length(); at++) {
            watch(socket.io().socket(also.getString(at)), also.getString(at), new JSONObject());
        }
        for (Socket each : sockets.values()) {
            each.connect();
        }
    }

    /** The field is there from 2.0 on. */
    private static void setAuth(IO.Options options, JSONObject auth) throws Exception {
        if (auth == null) {
            return;
        }
        Map<String, String> map = new HashMap<String, String>();
        for (String key : JSONObject.getNames(auth)) {
            map.put(key, auth.getString(key));
        }
        options.getClass().getField("auth").set(options, map);
    }

    private static String[] transports(String name) {
        return name.equals("upgrade") ? new String[] {"polling", "websocket"} : new String[] {name};
    }

    private void watch(Socket socket, String ns, JSONObject order) {
        sockets.put(ns, socket);
        watchLife(socket, ns);
        watchConnect(socket, ns, order);
        watchRegistration(socket, ns, order.optInt("listen_after_ms", -1));
        attach(socket, ns, "app broadcast");
        for (String name : listened) {
            attach(socket, ns, name);
        }
    }

    private void watchConnect(final Socket target, final String ns, JSONObject order) {
        final Object uid = order.opt("register_on_connect");
        final JSONObject stream = order.optJSONObject("stream_on_connect");
        target.on("connect", new Emitter.Listener() {
            @Override
            public void call(Object... args) {
                if (stream != null) {
                    pour(target, stream);
                }
                say(ns, Lines.with(Lines.fact("connected"), "id", String.valueOf(target.id())));
                watchTransport(target, ns);
                if (uid != null) {
                    target.emit("register", Lines.with(new JSONObject(), "data", uid));
                }
            }
        });
    }

    private void watchLife(Socket target, final String ns) {
        target.on("disconnect", new Emitter.Listener() {
            @Override
            public void call(Object... args) {
                say(ns, Lines.with(Lines.fact("disconnected"), "reason", args.length > 0 ? String.valueOf(args[0]) : ""));
            }
        });
        Emitter.Listener trouble = new Emitter.Listener() {
            @Override
            public void call(Object... args) {
                say(ns, Lines.with(Lines.fact("connect_error"), "why", new JSONArray(Arrays.asList(Arrays.toString(args)))));
            }
        };
        target.on("connect_error", trouble);
        target.on("error", trouble);
    }

    private void watchRegistration(final Socket target, final String ns, final int listenAfterMs) {
        target.on("_register", new Emitter.Listener() {
            @Override
            public void call(Object... args) {
                String token = ((JSONObject) args[0]).optString("token");
                if (listenAfterMs < 0) {
                    listenTo(target, ns, token);
                } else {
                    MAIN_THREAD.schedule(lateListener(target, ns, token), listenAfterMs, TimeUnit.MILLISECONDS);
                }
                say(ns, Lines.with(Lines.fact("registered"), "token", token));
            }
        });
        target.on("_register_error", new Emitter.Listener() {
            @Override
            public void call(Object... args) {
                say(ns, Lines.with(Lines.fact("register_error"), "answer", args[0]));
            }
        });
    }

    private void listenTo(Socket target, String ns, String token) {
        if (!target.hasListeners(token)) {
            attach(target, ns, token);
        }
    }

    private Runnable lateListener(final Socket target, final String ns, final String token) {
        return new Runnable() {
            @Override
            public void run() {
                listenTo(target, ns, token);
                say(ns, Lines.fact("listening"));
            }
        };
    }

    /** The engine is not public, and no public event tells of an upgrade. */
    private void watchTransport(Socket target, final String ns) {
        try {
            Field field = target.io().getClass().getDeclaredField("engine");
            field.setAccessible(true);
            io.socket.engineio.client.Socket engine = (io.socket.engineio.client.Socket) field.get(target.io());
            Field transport = io.socket.engineio.client.Socket.class.getDeclaredField("transport");
            transport.setAccessible(true);
            sayTransport(ns, transport.get(engine));
            engine.on("upgrade", new Emitter.Listener() {
                @Override
                public void call(Object... args) {
                    sayTransport(ns, args[0]);
                }
            });
        } catch (ReflectiveOperationException other) {
            say(ns, Lines.with(Lines.fact("failed"), "why", other.toString()));
        }
    }

    private void sayTransport(String ns, Object transport) {
        say(ns, Lines.with(Lines.fact("transport"), "name", ((io.socket.engineio.client.Transport) transport).name));
    }

    private void listen(String name) {
        listened.add(name);
        for (Map.Entry<String, Socket> each : sockets.entrySet()) {
            attach(each.getValue(), each.getKey(), name);
        }
    }

    /** An event that asks for an answer gets its own arguments back. */
    private void attach(Socket target, final String ns, final String name) {
        target.on(name, new Emitter.Listener() {
            @Override
            public void call(Object... args) {
                Object last = args.length > 0 ? args[args.length - 1] : null;
                Object[] plain = last instanceof Ack ? Arrays.copyOf(args, args.length - 1) : args;
                say(ns, Lines.with(Lines.with(Lines.fact("event"), "name", name), "args", Binary.told(plain)));
                if (last instanceof Ack) {
                    ((Ack) last).call(plain);
                }
            }
        });
    }

    /** Events with running numbers, about one a millisecond. */
    private static void pour(final Socket target, final JSONObject stream) {
        new Thread() {
            @Override
            public void run() {
                try {
                    for (int number = 0; number < stream.getInt("count"); number++) {
                        target.emit(stream.getString("event"), number);
                        Thread.sleep(1);
                    }
                } catch (Exception problem) {
                    throw new AssertionError(problem);
                }
            }
        }.start();
    }

    private void emitAck(JSONObject order) throws Exception {
        final int n = order.optInt("n", 0);
        final String ns = order.optString("ns", first);
        for (int times = order.optInt("times", 1); times > 0; times--) {
            List<Object> args = Binary.meant(order.getJSONArray("args"));
            args.add(new Ack() {
                @Override
                public void call(Object... answer) {
                    say(ns, Lines.with(Lines.with(Lines.fact("ack"), "n", n), "args", Binary.told(answer)));
                }
            });
            at(order).emit(order.getString("event"), args.toArray());
        }
    }
}
