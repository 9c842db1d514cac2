import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import org.json.JSONArray;
import org.json.JSONException;
import org.json.JSONObject;

/** Binary in the lines of the drivers: {"$bytes": "0102"}, at any depth. */
final class Binary {
    private Binary() {}

    static JSONArray told(Object[] args) {
        JSONArray array = new JSONArray();
        for (Object arg : args) {
            array.put(told(arg));
        }
        return array;
    }

    static List<Object> meant(JSONArray array) throws JSONException {
        List<Object> list = new ArrayList<Object>();
        for (int at = 0; at < array.length(); at++) {
            list.add(meant(array.get(at)));
        }
        return list;
    }

    private static Object told(Object value) {
        try {
            if (value instanceof byte[]) {
                return new JSONObject().put("$bytes", hex((byte[]) value));
            } else if (value instanceof JSONArray) {
                JSONArray array = new JSONArray();
                for (int at = 0; at < ((JSONArray) value).length(); at++) {
                    array.put(told(((JSONArray) value).get(at)));
                }
                return array;
            } else if (value instanceof JSONObject) {
                JSONObject object = new JSONObject();
                for (Iterator<?> keys = ((JSONObject) value).keys(); keys.hasNext();) {
                    String key = (String) keys.next();
                    object.put(key, told(((JSONObject) value).get(key)));
                }
                return object;
            }
            return value == null ? JSONObject.NULL : value;
        } catch (JSONException impossible) {
            throw new AssertionError(impossible);
        }
    }

    private static Object meant(Object value) throws JSONException {
        if (value instanceof JSONArray) {
            return new JSONArray(meant((JSONArray) value));
        }
        if (!(value instanceof JSONObject)) {
            return value;
        }
        JSONObject object = (JSONObject) value;
        if (object.has("$bytes")) {
            return bytes(object.getString("$bytes"));
        }
        JSONObject copy = new JSONObject();
        for (Iterator<?> keys = object.keys(); keys.hasNext();) {
            String key = (String) keys.next();
            copy.put(key, meant(object.get(key)));
        }
        return copy;
    }

    private static String hex(byte[] bytes) {
        StringBuilder text = new StringBuilder();
        for (byte each : bytes) {
            text.append(String.format("%02x", each & 0xff));
        }
        return text.toString();
    }

    private static byte[] bytes(String hex) {
        byte[] bytes = new byte[hex.length() / 2];
        for (int at = 0; at < bytes.length; at++) {
            bytes[at] = (byte) Integer.parseInt(hex.substring(2 * at, 2 * at + 2), 16);
        }
        return bytes;
    }
}
