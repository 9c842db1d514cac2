import io.socket.client.Ack;
import io.socket.client.IO;
import io.socket.client.Socket;
import io.socket.emitter.Emitter;
import java.lang.reflect.Field;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import org.json.JSONArray;
import org.json.JSONObject;

/**
 * A Socket.IO device over whichever socket.io-client is on the class path, told what to do by JSON lines (e2e/README.md).
 * Event names are string literals: the constants differ between the generations.
 */
public final class Driver {
    private final List<String> listened = new CopyOnWriteArrayList<String>();
    private Socket socket;

    public static void main(String[] args) throws Exception {
        Lines lines = new Lines();
        Driver driver = new Driver();
        Lines.say(Lines.with(Lines.fact("ready"), "client", "socket.io-client-java " + args[0]));
        for (JSONObject order = lines.next(); order != null; order = lines.next()) {
            try {
                driver.obey(order);
            } catch (Exception problem) {
                Lines.say(Lines.with(Lines.fact("failed"), "why", problem.toString()));
            }
        }
        Runtime.getRuntime().halt(0);
    }

    private void obey(JSONObject order) throws Exception {
        String verb = order.getString("do");
        if (verb.equals("connect")) {
            connect(order);
        } else if (verb.equals("register")) {
            socket.emit("register", new JSONObject().put("data", order.get("uid")));
        } else if (verb.equals("emit")) {
            socket.emit(order.getString("event"), arguments(order).toArray());
        } else if (verb.equals("emit_ack")) {
            emitAck(order);
        } else if (verb.equals("listen")) {
            listen(order.getString("event"));
        } else if (verb.equals("disconnect")) {
            socket.disconnect();
        } else if (verb.equals("kill")) {
            Runtime.getRuntime().halt(9);
        } else {
            throw new IllegalArgumentException("no such order: " + verb);
        }
    }

    private void connect(JSONObject order) throws Exception {
        IO.Options options = new IO.Options();
        options.forceNew = true;
        options.reconnection = order.optBoolean("reconnect", false);
        options.reconnectionDelayMax = 2000;
        options.transports = transports(order.optString("transports", "upgrade"));
        options.query = order.optString("query", "");
        socket = IO.socket(order.getString("url"), options);
        watchLife(socket);
        watchConnect(socket, order.opt("register_on_connect"));
        watchRegistration(socket);
        attach(socket, "app broadcast");
        for (String name : listened) {
            attach(socket, name);
        }
        socket.connect();
    }

    private static String[] transports(String name) {
        return name.equals("upgrade") ? new String[] {"polling", "websocket"} : new String[] {name};
    }

    private static void watchConnect(final Socket target, final Object uid) {
        target.on("connect", new Emitter.Listener() {
            @Override
            public void call(Object... args) {
                Lines.say(Lines.with(Lines.fact("connected"), "id", String.valueOf(target.id())));
                watchTransport(target);
                if (uid != null) {
                    target.emit("register", Lines.with(new JSONObject(), "data", uid));
                }
            }
        });
    }

    private static void watchLife(Socket target) {
        target.on("disconnect", new Emitter.Listener() {
            @Override
            public void call(Object... args) {
                Lines.say(Lines.with(Lines.fact("disconnected"), "reason", args.length > 0 ? String.valueOf(args[0]) : ""));
            }
        });
        Emitter.Listener trouble = new Emitter.Listener() {
            @Override
            public void call(Object... args) {
                Lines.say(Lines.with(Lines.fact("connect_error"), "why", new JSONArray(Arrays.asList(Arrays.toString(args)))));
            }
        };
        target.on("connect_error", trouble);
        target.on("error", trouble);
    }

    private static void watchRegistration(final Socket target) {
        target.on("_register", new Emitter.Listener() {
            @Override
            public void call(Object... args) {
                String token = ((JSONObject) args[0]).optString("token");
                if (!target.hasListeners(token)) {
                    attach(target, token);
                }
                Lines.say(Lines.with(Lines.fact("registered"), "token", token));
            }
        });
        target.on("_register_error", new Emitter.Listener() {
            @Override
            public void call(Object... args) {
                Lines.say(Lines.with(Lines.fact("register_error"), "answer", args[0]));
            }
        });
    }

    /** The engine is not public, and no public event tells of an upgrade. */
    private static void watchTransport(Socket target) {
        try {
            Field field = target.io().getClass().getDeclaredField("engine");
            field.setAccessible(true);
            io.socket.engineio.client.Socket engine = (io.socket.engineio.client.Socket) field.get(target.io());
            Field transport = io.socket.engineio.client.Socket.class.getDeclaredField("transport");
            transport.setAccessible(true);
            sayTransport(transport.get(engine));
            engine.on("upgrade", new Emitter.Listener() {
                @Override
                public void call(Object... args) {
                    sayTransport(args[0]);
                }
            });
        } catch (ReflectiveOperationException other) {
            Lines.say(Lines.with(Lines.fact("failed"), "why", other.toString()));
        }
    }

    private static void sayTransport(Object transport) {
        Lines.say(Lines.with(Lines.fact("transport"), "name", ((io.socket.engineio.client.Transport) transport).name));
    }

    private void listen(String name) {
        listened.add(name);
        if (socket != null) {
            attach(socket, name);
        }
    }

    private static void attach(Socket target, final String name) {
        target.on(name, new Emitter.Listener() {
            @Override
            public void call(Object... args) {
                Lines.say(Lines.with(Lines.with(Lines.fact("event"), "name", name), "args", Lines.plain(args)));
            }
        });
    }

    private void emitAck(JSONObject order) throws Exception {
        final int n = order.optInt("n", 0);
        List<Object> args = arguments(order);
        args.add(new Ack() {
            @Override
            public void call(Object... answer) {
                Lines.say(Lines.with(Lines.with(Lines.fact("ack"), "n", n), "args", Lines.plain(answer)));
            }
        });
        socket.emit(order.getString("event"), args.toArray());
    }

    private static List<Object> arguments(JSONObject order) throws Exception {
        JSONArray array = order.getJSONArray("args");
        List<Object> args = new ArrayList<Object>();
        for (int at = 0; at < array.length(); at++) {
            args.add(array.get(at));
        }
        return args;
    }
}
