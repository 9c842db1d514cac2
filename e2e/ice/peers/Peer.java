import com.zeroc.Ice.Communicator;
import com.zeroc.Ice.ConnectFailedException;
import com.zeroc.Ice.Connection;
import com.zeroc.Ice.ConnectionLostException;
import com.zeroc.Ice.ObjectPrx;
import com.zeroc.Ice.Util;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.lang.reflect.Field;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import org.json.JSONArray;
import org.json.JSONObject;

/**
 * A backend on Debian's Ice for Java: does what JSON lines on its standard input ask, and answers each with one line (client.py says
 * what). Arguments: the proxy, then Ice properties as Name=Value.
 */
public final class Peer {
    private static final List<String> OPTIONALS = List.of("broadcast", "send", "sendMany", "sendTokens", "sendTopic");

    private Connection kept;

    public static void main(String[] args) throws Exception {
        String[] properties = List.of(args).stream().skip(1).map(each -> "--" + each).toArray(String[]::new);
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        Peer peer = new Peer();
        try (Communicator communicator = Util.initialize(properties)) {
            for (String line = in.readLine(); line != null; line = in.readLine()) {
                System.out.write((peer.answer(communicator, args[0], new JSONObject(line)) + "\n").getBytes(StandardCharsets.UTF_8));
                System.out.flush();
            }
        }
    }

    private JSONObject answer(Communicator communicator, String text, JSONObject ask) throws Exception {
        try {
            ObjectPrx proxy = communicator.stringToProxy(ask.optString("proxy", text));
            proxy = ask.optBoolean("oneway") ? proxy.ice_oneway() : proxy;
            proxy = ask.has("context") ? proxy.ice_context(texts(ask.getJSONObject("context"))) : proxy;
            return new JSONObject().put("value", plain(done(Push.PushServicePrx.uncheckedCast(proxy), ask)));
        } catch (com.zeroc.Ice.Exception | com.zeroc.Ice.UserException error) {
            return failure(error);
        }
    }

    private Object done(Push.PushServicePrx proxy, JSONObject ask) throws Exception {
        switch (ask.getString("do")) {
            case "call": return call(proxy, ask.getString("op"), ask.optJSONArray("args"));
            case "probe": return called(Push.ProbePrx.uncheckedCast(proxy), ask.getString("op"), given(ask.optJSONArray("args"), 0));
            case "many": return many(proxy, ask);
            case "flood": return flood(proxy, ask);
            case "batch": return batch(proxy, ask);
            case "cast": return cast(proxy);
            case "load": return load(proxy, ask);
            case "keyed": return keyed(proxy, ask);
            case "keep": return keep(proxy);
            default: throw new IllegalArgumentException(ask.toString());
        }
    }

    /** Parameters that are not given are absent on the wire. */
    private static Object call(Push.PushServicePrx proxy, String op, JSONArray args) throws Exception {
        if (!OPTIONALS.contains(op)) {
            return called(proxy, op, given(args, 0));
        }
        int required = op.equals("broadcast") ? 1 : 2;
        List<Object> given = given(args, required + 5);
        Object ttl = given.get(required);
        given.set(required, ttl == null ? OptionalInt.empty() : OptionalInt.of((Integer) ttl));
        for (int at = required + 1; at < given.size(); at++) {
            given.set(at, Optional.ofNullable(given.get(at)));
        }
        return called(proxy, op, given);
    }

    private static List<Object> given(JSONArray args, int count) throws Exception {
        List<Object> given = new ArrayList<>();
        for (int at = 0; args != null && at < args.length(); at++) {
            Object each = args.isNull(at) ? null : args.get(at);
            each = each instanceof JSONArray ? strings((JSONArray) each) : each;
            given.add(each instanceof JSONObject ? texts((JSONObject) each) : each);
        }
        while (given.size() < count) {
            given.add(null);
        }
        return given;
    }

    /** Of the overloads the one whose parameters take these values. */
    private static Object called(Object proxy, String op, List<Object> values) throws Exception {
        for (Method method : proxy.getClass().getMethods()) {
            if (method.getName().equals(op) && takes(method.getParameterTypes(), values)) {
                try {
                    return method.invoke(proxy, values.toArray());
                } catch (java.lang.reflect.InvocationTargetException raised) {
                    throw raised.getCause() instanceof Exception ? (Exception) raised.getCause() : raised;
                }
            }
        }
        throw new IllegalArgumentException(op + " does not take " + values);
    }

    private static boolean takes(Class<?>[] types, List<Object> values) {
        boolean takes = types.length == values.size();
        for (int at = 0; takes && at < types.length; at++) {
            takes = types[at].isInstance(values.get(at));
        }
        return takes;
    }

    private static CompletableFuture<Push.Accepted> sent(Push.PushServicePrx proxy, String uid, String payload) {
        return proxy.sendAsync(uid, payload, OptionalInt.empty(), Optional.empty(), Optional.empty(), Optional.empty(), Optional.empty());
    }

    private static List<String> many(Push.PushServicePrx proxy, JSONObject ask) throws Exception {
        List<CompletableFuture<Push.Accepted>> futures = new ArrayList<>();
        for (int n = 0; n < ask.getInt("count"); n++) {
            futures.add(sent(proxy, ask.getString("uid") + n, String.valueOf(n)));
        }
        List<String> payloads = new ArrayList<>();
        futures.forEach(future -> payloads.add(future.join().extra.get("payload")));
        return payloads;
    }

    private static int flood(Push.PushServicePrx proxy, JSONObject ask) throws Exception {
        List<CompletableFuture<Push.Accepted>> futures = new ArrayList<>();
        for (int n = 0; n < ask.getInt("count"); n++) {
            futures.add(sent(proxy, ask.getString("uid"), String.valueOf(n)));
        }
        Set<String> ids = new HashSet<>();
        futures.forEach(future -> ids.add(future.join().id));
        return ids.size();
    }

    private static Object batch(ObjectPrx proxy, JSONObject ask) throws Exception {
        Push.ProbePrx batched = Push.ProbePrx.uncheckedCast(proxy.ice_batchOneway());
        for (int n = 0; n < ask.getInt("count"); n++) {
            batched.recall("m1");
        }
        batched.ice_flushBatchRequests();
        return null;
    }

    private static Map<String, Object> cast(ObjectPrx proxy) {
        return Map.of("as", Push.PushServicePrx.checkedCast(proxy) != null, "not", Push.PushListenerPrx.checkedCast(proxy) == null,
                "ids", proxy.ice_ids(), "id", proxy.ice_id());
    }

    private static List<Object> load(Push.PushServicePrx proxy, JSONObject ask) throws Exception {
        List<Object> failed = new ArrayList<>();
        for (int n = 0; n < ask.getInt("count"); n++) {
            try {
                sent(proxy, "42", String.valueOf(n)).get();
                proxy.online(new String[] {"on"});
            } catch (java.util.concurrent.ExecutionException error) {
                failed.add(failure((Exception) error.getCause()));
            } catch (com.zeroc.Ice.Exception error) {
                failed.add(failure(error));
            }
        }
        return failed;
    }

    private static Map<String, Object> keyed(Push.PushServicePrx proxy, JSONObject ask) throws Exception {
        List<String> ids = new ArrayList<>();
        int repeats = 0;
        for (int n = 0; n < ask.getInt("count"); n++) {
            Optional<String> requestId = Optional.of(ask.getString("key") + "-" + n);
            for (int attempt = 0; attempt < 400; attempt++) {
                try {
                    ids.add(proxy.send(ask.getString("uid"), String.valueOf(n), OptionalInt.empty(), requestId, Optional.empty(),
                            Optional.empty(), Optional.empty()).id);
                    break;
                } catch (Push.Busy | ConnectFailedException | ConnectionLostException error) {
                    repeats++;
                    Thread.sleep(50);
                }
            }
        }
        return Map.of("ids", ids, "repeats", repeats);
    }

    private boolean keep(ObjectPrx proxy) {
        Connection connection = proxy.ice_getConnection();
        boolean same = connection == kept;
        kept = connection;
        return same;
    }

    private static JSONObject failure(Exception error) throws Exception {
        if (error instanceof com.zeroc.Ice.UserException) {
            JSONObject members = (JSONObject) plain(error);
            return new JSONObject().put("error", ((com.zeroc.Ice.UserException) error).ice_id()).put("members", members);
        }
        JSONObject told = new JSONObject().put("error", ((com.zeroc.Ice.Exception) error).ice_id());
        return error instanceof com.zeroc.Ice.UnknownException ? told.put("text", ((com.zeroc.Ice.UnknownException) error).unknown) : told;
    }

    private static Map<String, String> texts(JSONObject object) throws Exception {
        Map<String, String> texts = new HashMap<>();
        for (Iterator<?> keys = object.keys(); keys.hasNext();) {
            String key = (String) keys.next();
            texts.put(key, object.getString(key));
        }
        return texts;
    }

    private static String[] strings(JSONArray array) throws Exception {
        String[] strings = new String[array.length()];
        for (int at = 0; at < strings.length; at++) {
            strings[at] = array.getString(at);
        }
        return strings;
    }

    /** JSON of what Slice's types hold. */
    private static Object plain(Object value) throws Exception {
        if (value == null) {
            return JSONObject.NULL;
        }
        if (value instanceof Object[] || value instanceof Collection) {
            JSONArray list = new JSONArray();
            for (Object each : value instanceof Collection ? (Collection<?>) value : List.of((Object[]) value)) {
                list.put(plain(each));
            }
            return list;
        }
        if (value instanceof Map) {
            JSONObject object = new JSONObject();
            for (Map.Entry<?, ?> each : ((Map<?, ?>) value).entrySet()) {
                object.put((String) each.getKey(), plain(each.getValue()));
            }
            return object;
        }
        return value.getClass().getPackageName().equals("Push") ? members(value) : value;
    }

    /** An optional member `x` has a `_x` beside it, which says whether it is set. */
    private static JSONObject members(Object value) throws Exception {
        JSONObject object = new JSONObject();
        for (Class<?> type = value.getClass(); type.getPackageName().equals("Push"); type = type.getSuperclass()) {
            Map<String, Field> fields = new HashMap<>();
            for (Field field : type.getDeclaredFields()) {
                field.setAccessible(true);
                fields.put(field.getName(), field);
            }
            for (Field field : fields.values()) {
                String name = field.getName();
                if (!Modifier.isStatic(field.getModifiers()) && !name.startsWith("_")) {
                    Field set = fields.get("_" + name);
                    object.put(name, set == null || set.getBoolean(value) ? plain(field.get(value)) : JSONObject.NULL);
                }
            }
        }
        return object;
    }
}
