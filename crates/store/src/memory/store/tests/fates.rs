//! What becomes of direct messages: each has one end, or a proof, which wins.

use tidings_model::{End, Recall, What};

use super::*;

/// So long after its time a message ends.
const GRACE_MS: u64 = 10_000;

impl Desk {
    /// What is due to end does.
    fn end(&mut self) {
        self.store.end(Millis(self.now));
        self.later(1);
    }

    fn ends(&self) -> Vec<(Position, Dev, End)> {
        self.facts().into_iter().flat_map(|fact| if let Fact::Ended(ended) = fact { ended.direct } else { Vec::new() }).collect()
    }

    /// What the business server was told of messages: how far they came, or how they ended.
    fn told(&self) -> Vec<&'static str> {
        let query = EventQuery { app: AppNo::DEFAULT, after: None, types: Some(vec![EventType::MessageReported]), limit: 1000 };
        let events = self.store.events(&query).events.into_iter();
        events.filter_map(|event| if let What::Reported(told) = event.what { told.state() } else { None }).collect()
    }

    fn away(&mut self, uid: &str, device: Option<&str>, socket: u64) -> Attached {
        let attached = self.attach(register(uid, device, 1, socket));
        self.ask(leave(&attached));
        attached
    }
}

fn within(seconds: u32) -> Draft {
    Draft { lifetime: Lifetime::Ttl(seconds), ..to_uid("42") }
}

fn keyed() -> Draft {
    let content = Content { collapse_key: Some(CollapseKey::trusted("k")), ..Content::data(Json::string("hello")) };
    Draft::new(AppNo::DEFAULT, Target::Uids(vec![Uid::trusted("42")]), content)
}

#[test]
fn a_message_that_expired_ends_ten_seconds_later_and_once() {
    let mut desk = Desk::new();
    let dev = desk.away("42", None, 1).dev.unwrap();
    let (short, never) = (desk.publish(within(1)), desk.publish(within(0)));
    desk.later(GRACE_MS - 100);
    desk.end();
    assert_eq!(desk.ends(), [], "a proof in time would count");
    desk.later(200);
    desk.end();
    assert_eq!(desk.ends(), [(never.at, dev, End::Expired)], "it expired as it was born");
    desk.later(1000);
    desk.end();
    desk.end();
    assert_eq!(desk.ends(), [(never.at, dev, End::Expired), (short.at, dev, End::Expired)]);
    assert_eq!(desk.told(), ["expired", "expired"]);
}

#[test]
fn what_was_written_in_time_and_is_proven_within_the_grace_is_reached() {
    let mut desk = Desk::new();
    let dev = desk.attach(register("42", None, 1, 1)).dev.unwrap();
    let short = desk.publish(within(1));
    desk.later(9000);
    desk.ask(prove(dev, short.at, &[short.at]));
    desk.later(60_000);
    desk.end();
    assert_eq!((desk.ends(), desk.told()), (vec![], vec!["reached"]));
}

#[test]
fn each_cause_ends_what_waits_at_once() {
    let mut desk = Desk::with(Limits { mailbox_messages: 2, devices_per_uid: 1, ..Limits::default() });
    let attached = desk.away("42", Some("old"), 1);
    let dev = attached.dev.unwrap();
    let (older, _) = (desk.publish(keyed()), desk.publish(keyed()));
    let mistake = desk.publish(to_uid("42"));
    let recall = Recall { app: AppNo::DEFAULT, message: mistake.at, by: None };
    desk.ask(Request::Recall(recall.clone()));
    desk.ask(Request::Recall(recall));
    desk.end();
    assert_eq!(desk.ends(), [(older.at, dev, End::Superseded), (mistake.at, dev, End::Recalled)]);
    assert_eq!(desk.facts().iter().filter(|fact| matches!(fact, Fact::Recalled(_))).count(), 1, "again it has nothing to do");
    let (cut, kept) = (desk.publish(to_uid("42")), [desk.publish(to_uid("42")), desk.publish(to_uid("42"))]);
    // The read finds more than the mailbox holds: the newer one with the key, and the first of these three.
    assert_eq!(desk.mail(dev, attached.cursor), kept.each_ref().map(|kept| kept.at));
    desk.later(1);
    desk.end();
    assert_eq!(desk.ends().last(), Some(&(cut.at, dev, End::Overflow)));
    desk.attach(register("42", Some("new"), 1, 2));
    desk.end();
    assert_eq!(desk.told(), ["superseded", "recalled", "overflow", "overflow", "unregistered", "unregistered"]);
    desk.later(48 * 3_600_000);
    desk.end();
    assert_eq!(desk.told().len(), 6, "what has ended does not expire as well");
}

#[test]
fn a_proof_wins_over_an_end_and_no_end_follows_it() {
    let mut desk = Desk::with(Limits { mailbox_messages: 1, ..Limits::default() });
    let attached = desk.attach(register("42", None, 1, 1));
    let dev = attached.dev.unwrap();
    let (older, newer) = (desk.publish(keyed()), desk.publish(keyed()));
    desk.end();
    desk.ask(prove(dev, older.at, &[older.at]));
    assert_eq!(desk.told(), ["superseded", "reached"]);
    // Both are on their way when the mailbox is read again, and cut.
    let last = desk.publish(to_uid("42"));
    assert_eq!(desk.mail(dev, older.at), [last.at]);
    desk.later(1);
    desk.end();
    assert_eq!(desk.told(), ["superseded", "reached", "overflow"]);
    desk.ask(prove(dev, newer.at, &[newer.at]));
    desk.ask(prove(dev, newer.at, &[newer.at]));
    // So is a proof of a device that was unregistered meanwhile.
    desk.ask(Request::Erase(Named { app: AppNo::DEFAULT, uid: Uid::trusted("42") }));
    desk.ask(prove(dev, last.at, &[last.at]));
    desk.end();
    desk.later(48 * 3_600_000);
    desk.end();
    let proven = |fact: &Fact| if let Fact::Proven(proven) = fact { proven.direct.len() } else { 0 };
    assert_eq!(desk.facts().iter().map(proven).sum::<usize>(), 3);
    assert_eq!(desk.ends().len(), 2);
    assert_eq!(desk.told(), Vec::<&str>::new(), "nothing is told of an erased user");
}

#[test]
fn an_end_that_was_not_stored_is_told_once_the_log_takes_facts_again() {
    for fault in [Fault::Full, Fault::UnknownLost, Fault::UnknownStored] {
        let mut desk = Desk::new();
        desk.away("42", None, 1);
        desk.publish(keyed());
        desk.publish(keyed());
        desk.store.end(Millis(desk.now));
        desk.round(fault);
        assert_eq!(desk.ends(), [], "{fault:?}");
        desk.store.crash();
        desk.now += 1;
        desk.end();
        desk.end();
        assert_eq!(desk.told(), ["superseded"], "{fault:?}");
    }
}

#[test]
fn a_broadcast_that_is_taken_back_waits_for_nobody() {
    let mut desk = Desk::new();
    let attached = desk.away("42", None, 1);
    let (mistake, other) = (desk.publish(draft(Target::All)), desk.publish(draft(Target::All)));
    let elsewhere = Recall { app: AppNo(7), message: mistake.at, by: None };
    assert_eq!(desk.refusal(Request::Recall(elsewhere.clone())).code, Code::NotFound, "another app's is not there");
    desk.ask(Request::Recall(Recall { app: AppNo::DEFAULT, ..elsewhere }));
    assert_eq!(desk.mail(attached.dev.unwrap(), attached.cursor), [other.at]);
    desk.end();
    assert_eq!(desk.ends(), [], "a message for many has no end of its own on each device");
}
