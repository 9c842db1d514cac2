import io.socket.client.IO;
import io.socket.client.Socket;
import io.socket.emitter.Emitter;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import org.json.JSONObject;

/**
 * The app of the 2017 tutorial as its readers wrote it: it registers ONCE, in the helper's constructor, leaves reconnecting to the
 * library, attaches the token's listener on the "main thread" some time after `_register`, and emits `reporter`.
 * Its faults are the point: do not mend them here.
 *
 * Arguments: URL, uid, delay in ms between `_register` and the token's listener. Says the same facts as the driver.
 */
public final class TutorialApp {
    public static void main(String[] args) throws Exception {
        Lines lines = new Lines();
        ScheduledExecutorService mainThread = Executors.newSingleThreadScheduledExecutor();
        Helper helper = new Helper(args[0], args[1], mainThread, Long.parseLong(args[2]));
        for (JSONObject order = lines.next(); order != null; order = lines.next()) {
            helper.obey(order.getString("do"));
        }
        Runtime.getRuntime().halt(0);
    }

    private static final class Helper {
        private final Socket socket;
        private final String uid;
        private final ScheduledExecutorService mainThread;
        private final long delayMs;

        Helper(String url, String uid, ScheduledExecutorService mainThread, long delayMs) throws Exception {
            this.uid = uid;
            this.mainThread = mainThread;
            this.delayMs = delayMs;
            socket = IO.socket(url);
            socket.on("connect", said("connected"));
            socket.on("disconnect", said("disconnected"));
            socket.on("_register", registered());
            socket.on("app broadcast", received("app broadcast"));
            socket.connect();
            register();
        }

        void obey(String verb) throws Exception {
            if (verb.equals("register")) {
                register();
            } else if (verb.equals("kill")) {
                Runtime.getRuntime().halt(9);
            }
        }

        private void register() throws Exception {
            socket.emit("register", new JSONObject().put("data", uid));
        }

        private Emitter.Listener registered() {
            return new Emitter.Listener() {
                @Override
                public void call(Object... args) {
                    final String token = ((JSONObject) args[0]).optString("token");
                    Lines.say(Lines.with(Lines.fact("registered"), "token", token));
                    mainThread.schedule(new Runnable() {
                        @Override
                        public void run() {
                            if (!socket.hasListeners(token)) {
                                socket.on(token, received(token));
                            }
                        }
                    }, delayMs, TimeUnit.MILLISECONDS);
                }
            };
        }

        private Emitter.Listener received(final String name) {
            return new Emitter.Listener() {
                @Override
                public void call(Object... args) {
                    Lines.say(Lines.with(Lines.with(Lines.fact("event"), "name", name), "args", Binary.told(args)));
                    socket.emit("reporter", Lines.with(new JSONObject(), "status", "received"));
                }
            };
        }

        private static Emitter.Listener said(final String on) {
            return new Emitter.Listener() {
                @Override
                public void call(Object... args) {
                    Lines.say(Lines.with(Lines.fact(on), "reason", args.length > 0 ? String.valueOf(args[0]) : ""));
                }
            };
        }
    }
}
