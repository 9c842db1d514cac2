import java.io.BufferedReader;
import java.io.FileDescriptor;
import java.io.FileInputStream;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.io.UnsupportedEncodingException;
import org.json.JSONException;
import org.json.JSONObject;

/** JSON lines in and out, UTF-8 whatever the platform says: the one way a driver talks to the harness. */
final class Lines {
    private static final PrintStream OUT = open();
    private final BufferedReader in;

    Lines() throws IOException {
        in = new BufferedReader(new InputStreamReader(new FileInputStream(FileDescriptor.in), "UTF-8"));
    }

    private static PrintStream open() {
        try {
            return new PrintStream(new FileOutputStream(FileDescriptor.out), false, "UTF-8");
        } catch (UnsupportedEncodingException impossible) {
            throw new AssertionError(impossible);
        }
    }

    /** The next order; null at the end of input. */
    JSONObject next() throws IOException, JSONException {
        String line = in.readLine();
        return line == null ? null : new JSONObject(line);
    }

    static JSONObject fact(String on) {
        return with(new JSONObject(), "on", on);
    }

    static JSONObject with(JSONObject fact, String key, Object value) {
        try {
            return fact.put(key, value);
        } catch (JSONException impossible) {
            throw new AssertionError(impossible);
        }
    }

    static synchronized void say(JSONObject fact) {
        OUT.println(with(fact, "t", System.currentTimeMillis() / 1000.0).toString());
        OUT.flush();
    }
}
