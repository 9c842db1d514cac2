import com.zeroc.Ice.Communicator;
import com.zeroc.Ice.ConnectFailedException;
import com.zeroc.Ice.ConnectionLostException;
import com.zeroc.Ice.LocalException;
import com.zeroc.Ice.UnknownException;
import com.zeroc.Ice.Util;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.UUID;

/**
 * A business server that sends over ZeroC Ice from Java: one message to one user, stored once whatever happens on the way.
 *
 * <pre>
 * apt-get install libzeroc-ice3.7-java zeroc-ice-compilers
 * mkdir made && slice2java --output-dir made idl/Push.ice
 * javac -cp /usr/share/java/ice-3.7.8.jar -d classes made/Push/*.java Send.java
 * java -cp /usr/share/java/ice-3.7.8.jar:classes Send "push:tcp -h 127.0.0.1 -p 10000" UID JSON
 * </pre>
 *
 * The key, where the server has keys, comes from TIDINGS_KEY.
 */
public final class Send {
    private static final int ATTEMPTS = 5;

    public static void main(String[] args) throws InterruptedException {
        try (Communicator communicator = Util.initialize()) {
            Push.PushServicePrx push = Push.PushServicePrx.uncheckedCast(communicator.stringToProxy(args[0]));
            String key = System.getenv("TIDINGS_KEY");
            // Set once, it goes with each call.
            Push.Accepted accepted = stored(key == null ? push : push.ice_context(Map.of("token", key)), args[1], args[2]);
            System.out.printf("%s for %d devices, %d of them connected%n", accepted.id, accepted.devices, accepted.online);
        } catch (Push.PushError error) {
            fail(error.reason + ": " + error.text);
        } catch (LocalException error) {
            fail("no answer: " + error.ice_id());
        }
    }

    private static void fail(String why) {
        System.err.println(why);
        System.exit(1);
    }

    private static Push.Accepted stored(Push.PushServicePrx push, String uid, String payload) throws Push.PushError, InterruptedException {
        // The same id at each attempt: a message that was stored although its answer was lost is not stored again.
        Optional<String> requestId = Optional.of(UUID.randomUUID().toString());
        for (int attempt = 1;; attempt++) {
            try {
                return push.send(uid, payload, OptionalInt.empty(), requestId, Optional.empty(), Optional.empty(), Optional.empty());
            } catch (Push.Busy busy) {
                if (attempt == ATTEMPTS) {
                    throw busy;
                }
                Thread.sleep(busy.hasRetryAfterMs() ? busy.getRetryAfterMs() : 1000);
            } catch (ConnectFailedException | ConnectionLostException | UnknownException lost) {
                if (attempt == ATTEMPTS) {
                    throw lost;
                }
                Thread.sleep(200L << attempt);
            }
        }
    }
}
