import java.util.HashMap;
import java.util.Map;
import org.json.JSONObject;

/** Socket.IO devices over whichever socket.io-client is on the class path: as many as the orders name cells (e2e/README.md). */
public final class Driver {
    public static void main(String[] args) throws Exception {
        Lines lines = new Lines();
        Map<String, Device> cells = new HashMap<String, Device>();
        Lines.say(Lines.with(Lines.fact("ready"), "client", "socket.io-client-java " + args[0]));
        for (JSONObject order = lines.next(); order != null; order = lines.next()) {
            String cell = order.optString("cell", "");
            if (!cells.containsKey(cell)) {
                cells.put(cell, new Device(cell));
            }
            cells.get(cell).obey(order);
        }
        Runtime.getRuntime().halt(0);
    }
}
