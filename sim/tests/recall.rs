//! A message that is taken back: whoever has not been written it never gets it.

use tidings_sim::phone::Kind;
use tidings_sim::script::Script;
use tidings_store::Fault;

const KINDS: [Kind; 3] = [Kind::Socket4, Kind::Socket3, Kind::Poll4];

/// As long as nothing follows a `_register`.
const LISTEN_MS: u64 = 1000;

/// Taken back, and the workers have heard of it.
fn recall(s: &mut Script, n: usize) {
    s.world.recall(n);
    s.commit();
    s.feed();
}

#[test]
fn it_leaves_the_queue_of_a_socket_that_does_not_read() {
    for (kind, uid) in [Kind::Socket4, Kind::Socket3].into_iter().flat_map(|kind| [(kind, Some(0)), (kind, None)]) {
        let mut s = Script::new(&[(kind, 0)]);
        s.join(0);
        let wire = s.wire(0);
        s.stall(0, true);
        let mut sent = Vec::new();
        while !s.world.wires[wire].blocked {
            sent.push(s.deliver(uid, 3600));
        }
        let mistake = s.deliver(uid, 3600);
        let behind = s.deliver(uid, 3600);
        recall(&mut s, mistake);
        s.stall(0, false);
        s.pass(5000);
        s.pass(5000);
        sent.push(behind);
        assert_eq!(s.saw(0), sent, "{kind:?} {uid:?}");
        assert!(s.is_proven(0, 0, behind), "{kind:?}");
        s.end();
    }
}

#[test]
fn it_leaves_what_a_client_has_not_fetched() {
    for uid in [Some(0), None] {
        let mut s = Script::new(&[(Kind::Poll4, 0)]);
        s.join(0);
        s.stall(0, true);
        // The open GET takes the first.
        let first = s.deliver(uid, 3600);
        let mistake = s.deliver(uid, 3600);
        recall(&mut s, mistake);
        s.stall(0, false);
        s.pass(5000);
        assert_eq!(s.saw(0), [first], "{uid:?}");
        assert_eq!(s.world.model.ended(), usize::from(uid.is_some()), "it ended, unproven");
        s.end();
    }
}

#[test]
fn it_is_not_given_to_an_app_that_does_not_listen_yet() {
    for kind in KINDS {
        let mut s = Script::new(&[(kind, 0)]);
        s.join(0);
        s.kill(0);
        let mistake = s.deliver(Some(0), 3600);
        s.connect(0);
        s.settle();
        recall(&mut s, mistake);
        let behind = s.deliver(Some(0), 3600);
        s.pass(5000);
        assert_eq!(s.saw(0), [behind], "{kind:?}");
        s.end();
    }
}

#[test]
fn a_page_of_mail_that_was_read_before_does_not_bring_it() {
    for kind in KINDS {
        let mut s = Script::new(&[(kind, 0)]);
        s.join(0);
        s.kill(0);
        let (mistake, other) = (s.deliver(Some(0), 3600), s.deliver(Some(0), 3600));
        s.connect(0);
        s.settle();
        s.world.advance(LISTEN_MS);
        assert_eq!(s.world.waiting().1, 1, "{kind:?}: the mailbox is being read");
        // The worker knows, the views do not.
        s.world.recall(mistake);
        s.world.decide();
        s.world.append(Fault::None);
        s.world.notify();
        s.feed();
        s.world.deliver_page();
        s.pass(5000);
        assert_eq!(s.saw(0), [other], "{kind:?}");
        s.end();
    }
}
