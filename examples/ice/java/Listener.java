import Push.PushError;
import Push.PushListener;
import Push.Registration;
import Push.Report;
import com.zeroc.Ice.Communicator;
import com.zeroc.Ice.Current;
import com.zeroc.Ice.ObjectAdapter;
import com.zeroc.Ice.Util;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * A business server's listener: prints registrations and reports. Argument: an endpoint, "tcp -h 127.0.0.1 -p 10001" unless given.
 *
 * <p>It is a PushListener, which gets no other types of event; server.py beside it is an EventListener, which gets them all. How it is built
 * is in docs/SYNC.md.
 */
public final class Listener implements PushListener {
    /** How many events may lie between an event and its repetition: a batch has at most 100. */
    private static final int REMEMBERED = 10_000;

    /** A real one stores the id with what it does, in one transaction. */
    private final Set<String> done = Collections.newSetFromMap(new LinkedHashMap<>() {
        @Override
        protected boolean removeEldestEntry(Map.Entry<String, Boolean> eldest) {
            return size() > REMEMBERED;
        }
    });

    @Override
    public synchronized void registered(Registration told, Current current) {
        if (done.add(told.eventId)) {
            System.out.println("registered " + told.uid + ", token " + told.token + ", " + (told.first ? "new" : "changed"));
        }
    }

    @Override
    public synchronized void reported(Report told, Current current) {
        if (!done.add(told.eventId)) {
            return;
        }
        if (told.state.isEmpty()) {
            String about = told.messageId.isEmpty() ? "nothing we know" : told.messageId;
            System.out.println("reported " + told.status + " by " + told.uid + ", about " + about);
        } else {
            System.out.println(told.state + " " + told.messageId + " by " + told.uid + ", proven by " + told.proof);
        }
    }

    @Override
    public synchronized void registeredBatch(Registration[] all, Current current) throws PushError {
        for (Registration told : all) {
            registered(told, current);
        }
    }

    @Override
    public synchronized void reportedBatch(Report[] all, Current current) throws PushError {
        for (Report told : all) {
            reported(told, current);
        }
    }

    public static void main(String[] args) {
        List<String> rest = new ArrayList<>();
        try (Communicator communicator = Util.initialize(args, rest)) {
            String endpoint = rest.isEmpty() ? "tcp -h 127.0.0.1 -p 10001" : rest.get(0);
            ObjectAdapter adapter = communicator.createObjectAdapterWithEndpoints("business", endpoint);
            adapter.add(new Listener(), Util.stringToIdentity("pushListener"));
            adapter.activate();
            Runtime.getRuntime().addShutdownHook(new Thread(communicator::destroy));
            System.out.println("listening pushListener:" + endpoint);
            communicator.waitForShutdown();
        }
    }
}
