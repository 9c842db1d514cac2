//! Every event that asks for an ack gets one.

use tidings_sim::phone::Kind;
use tidings_sim::script::Script;
use tidings_sim::wire::Up;

#[test]
fn an_ack_comes_also_to_who_registers_behind_its_event_as_somebody_of_another_worker() {
    // One of the two lives on the other worker.
    for uid in [1, 2] {
        let mut s = Script::new(&[(Kind::Socket4, 0)]);
        s.join(0);
        s.stall(0, true);
        s.say(0, Up::Text("427[\"report\",{\"status\":1}]"));
        s.world.register_as(0, uid);
        let wire = s.wire(0);
        s.world.pump_up(wire);
        s.commit();
        while s.world.waiting().0 > 0 {
            s.world.deliver_answer();
        }
        assert!(s.coming(0).concat().contains("437[{\"ok\":true}]"), "u{uid}: {:?}", s.coming(0));
        s.stall(0, false);
        s.settle();
        let n = s.deliver(Some(uid), 3600);
        s.pass(2000);
        assert_eq!(s.saw(0), [n], "u{uid}");
        s.end();
    }
}
