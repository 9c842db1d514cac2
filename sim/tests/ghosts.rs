//! One legacy registration, several phones.

#![expect(clippy::unwrap_used, reason = "a test's helpers")]

use std::collections::BTreeSet;

use tidings_model::Request;
use tidings_sim::phone::Kind;
use tidings_sim::script::Script;

/// Two phones of one model and user behind one address: the server cannot tell them apart.
fn twins(kind: Kind) -> Script {
    let mut s = Script::new(&[(kind, 0), (kind, 0)]);
    s.world.phones[1].addr = s.world.phones[0].addr;
    s.world.phones.iter_mut().for_each(|phone| phone.twin = true);
    s
}

fn adopts(s: &Script) -> usize {
    s.asked().filter(|request| matches!(request, Request::Adopt(_))).count()
}

/// Devices that are proven to have message `n`.
fn proven_by(s: &Script, n: usize) -> usize {
    let at = s.world.model.sent[n].at.unwrap();
    let cursors = s.asked().filter_map(|request| if let Request::Prove(proofs) = request { Some(&proofs.cursors) } else { None });
    cursors.flatten().filter(|(_, cursor)| *cursor >= at).map(|(dev, _)| *dev).collect::<BTreeSet<_>>().len()
}

#[test]
fn a_taken_over_ghosts_old_socket_becomes_its_own() {
    for kind in [Kind::Socket4, Kind::Socket3, Kind::Poll4, Kind::Java3] {
        let mut s = twins(kind);
        s.join(0);
        s.stall(0, true);
        s.join(1);
        assert_eq!(adopts(&s), 0, "{kind:?}: it has not answered yet");
        let meanwhile = s.deliver(Some(0), 3600);
        s.pass(100);
        assert_eq!(s.saw(1), [meanwhile], "{kind:?}: the new socket has the ghost");
        s.stall(0, false);
        s.pass(300);
        s.pass(1000);
        assert_eq!(adopts(&s), 1, "{kind:?}");
        let later = s.deliver(Some(0), 3600);
        s.pass(300);
        s.save();
        assert_eq!((s.saw(0), s.saw(1)), (vec![meanwhile, later], vec![meanwhile, later]), "{kind:?}");
        assert_eq!(proven_by(&s, later), 2, "{kind:?}: two devices");
        s.end();
    }
}

#[test]
fn a_half_open_socket_of_a_taken_over_ghost_never_comes_back_as_a_device() {
    let mut s = twins(Kind::Socket4);
    s.join(0);
    s.world.half_open(0);
    s.join(1);
    let n = s.deliver(Some(0), 3600);
    s.settle();
    s.save();
    assert_eq!((adopts(&s), proven_by(&s, n)), (0, 1));
    assert_eq!((s.saw(0), s.saw(1)), (vec![], vec![n]));
    s.end();
}

#[test]
fn a_socket_that_lost_its_ghost_gets_its_mail_before_a_heartbeat() {
    for kind in [Kind::Socket4, Kind::Socket3, Kind::Poll4, Kind::Java3] {
        // The ghost goes before its first socket was given anything, or when it is long idle.
        for idle in [None, Some(0), Some(3000)] {
            let mut s = twins(kind);
            s.connect(0);
            if let Some(ms) = idle {
                s.pass(2000 + ms);
            }
            s.connect(1);
            let n = s.deliver(Some(0), 3600);
            s.pass(3000);
            assert_eq!((adopts(&s), s.saw(0), s.saw(1)), (1, vec![n], vec![n]), "{kind:?} {idle:?}");
            s.end();
        }
    }
}
