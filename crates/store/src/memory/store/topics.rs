//! Who is in a topic, and what he gets of it.

use tidings_model::{
    Accepted, AppNo, Attached, Code, CollapseKey, Content, Draft, EventType, Fact, Lifetime, Named, Report, State, Subscribe, Subscribers,
    Target, TopicName, TopicNo, Uid,
};

use super::tests::{Desk, leave, prove, register, to_uid};
use super::*;

fn news() -> TopicName {
    TopicName::trusted("news")
}

fn to_news() -> Draft {
    let text = tidings_json::Json::string("hello");
    Draft::new(AppNo::DEFAULT, Target::Topic(news()), Content::data(text))
}

fn subscribe(on: bool, who: Subscribers) -> Request {
    Request::Subscribe(Subscribe { app: AppNo::DEFAULT, topic: news(), on, who })
}

fn uid(uid: &str) -> Subscribers {
    Subscribers::Uids(vec![Uid::trusted(uid)])
}

fn token(of: &Attached) -> Subscribers {
    Subscribers::Tokens(vec![of.token.clone()])
}

impl Desk {
    /// The devices of the one who is named; or why not.
    fn change(&mut self, on: bool, who: Subscribers) -> Result<u32, Code> {
        match self.ask(subscribe(on, who)) {
            Answer::Subscribed(mut each) => each.pop().expect("one was named").map_err(|refusal| refusal.code),
            other => panic!("{other:?}"),
        }
    }

    /// What a message to the topic would count.
    fn counts(&mut self) -> (u32, u32) {
        match self.ask(Request::Count(to_news())) {
            Answer::Counted(counted) => (counted.devices, counted.online),
            other => panic!("{other:?}"),
        }
    }
}

fn at(accepted: &Accepted) -> Position {
    accepted.at
}

#[test]
fn a_topic_that_nobody_is_in_takes_messages_for_no_device() {
    let mut desk = Desk::new();
    let attached = desk.attach(register("a", None, 1, 1));
    let first = desk.publish(to_news());
    assert_eq!((first.devices, first.online, first.invalid.len()), (0, 0, 0));
    assert_eq!(desk.change(true, uid("a")), Ok(1));
    assert_eq!(desk.change(false, uid("a")), Ok(1));
    assert_eq!(desk.publish(to_news()).devices, 0);
    assert_eq!(desk.mail(attached.dev.unwrap(), attached.cursor), []);
}

#[test]
fn a_users_later_devices_come_in_by_themselves_and_a_tokens_neighbours_do_not() {
    let mut desk = Desk::new();
    let (first, other) = (desk.attach(register("a", Some("x"), 1, 1)), desk.attach(register("b", Some("x"), 1, 2)));
    assert_eq!((desk.change(true, uid("a")), desk.change(true, token(&other))), (Ok(1), Ok(1)));
    let early = desk.publish(to_news());
    let (second, neighbour) = (desk.attach(register("a", Some("y"), 1, 3)), desk.attach(register("b", Some("y"), 1, 4)));
    assert_eq!((second.topics, neighbour.topics), (vec![TopicNo(0)], vec![]));
    let late = desk.publish(to_news());
    assert_eq!((early.devices, late.devices), (2, 3));
    assert_eq!(desk.mail(first.dev.unwrap(), first.cursor), [at(&early), at(&late)]);
    assert_eq!(desk.mail(second.dev.unwrap(), first.cursor), [at(&late)], "what came before it is not for it");
    assert_eq!(desk.mail(neighbour.dev.unwrap(), first.cursor), []);
    // The last word counts: a registration leaves, its user stays.
    assert_eq!(desk.change(false, Subscribers::Tokens(vec![second.token.clone()])), Ok(1));
    assert_eq!(desk.publish(to_news()).devices, 2);
    assert_eq!(desk.change(false, uid("a")), Ok(1), "it takes out who is in");
    assert_eq!(desk.attach(register("a", Some("z"), 1, 5)).topics, []);
}

#[test]
fn devices_and_who_of_them_is_connected_are_counted_as_they_come_and_go() {
    let mut desk = Desk::new();
    let one = desk.attach(register("a", None, 1, 1));
    desk.change(true, uid("a")).unwrap();
    let ghost = desk.attach(register("a", None, 2, 2));
    assert_eq!(desk.counts(), (2, 2), "a ghost is a device");
    desk.ask(leave(&ghost));
    assert_eq!(desk.counts(), (2, 1));
    desk.attach(register("a", None, 1, 3));
    assert_eq!(desk.counts(), (2, 1), "one socket in the place of another");
    desk.ask(leave(&one));
    assert_eq!(desk.counts(), (2, 1), "it serves no device any more");
    desk.ask(Request::Erase(Named { app: AppNo::DEFAULT, uid: Uid::trusted("a") }));
    assert_eq!(desk.counts(), (0, 0));
    assert_eq!(desk.attach(register("a", None, 1, 4)).topics, [], "a forgotten user follows nothing");
}

#[test]
fn what_is_not_stored_changes_nobody() {
    let mut desk = Desk::new();
    desk.attach(register("a", None, 1, 1));
    desk.change(true, uid("a")).unwrap();
    for (on, fault) in [(false, Fault::Full), (false, Fault::UnknownLost)] {
        let ticket = desk.queue(subscribe(on, uid("a")));
        let answers = desk.round(fault);
        assert!(answers.iter().any(|(told, answer)| *told == ticket && matches!(answer, Answer::Refused(_))), "{answers:?}");
        desk.later(2_000);
        assert_eq!(desk.counts(), (1, 1));
    }
}

#[test]
fn nobody_is_in_more_topics_than_he_may_be() {
    let mut desk = Desk::with(Limits { topics_per_device: 1, ..Limits::default() });
    let attached = desk.attach(register("a", None, 1, 1));
    assert_eq!(desk.change(true, uid("a")), Ok(1));
    assert_eq!(desk.change(true, uid("a")), Ok(1), "he is in it");
    let facts = desk.facts().len();
    for who in [uid("a"), token(&attached)] {
        let ask = Subscribe { app: AppNo::DEFAULT, topic: TopicName::trusted("sport"), on: true, who };
        let Answer::Subscribed(each) = desk.ask(Request::Subscribe(ask)) else { panic!("refused") };
        let refusal = each[0].as_ref().unwrap_err();
        assert_eq!((refusal.code, refusal.limit), (Code::QuotaExceeded, Some(1)));
    }
    assert_eq!(desk.facts().len(), facts, "nothing was stored");
    assert_eq!(desk.change(true, uid("nobody")), Err(Code::UnknownTarget));
}

#[test]
fn a_collapse_key_holds_within_its_topic() {
    let mut desk = Desk::new();
    let attached = desk.attach(register("a", None, 1, 1));
    desk.change(true, uid("a")).unwrap();
    let keyed = |draft: Draft| {
        let key = Some(CollapseKey::trusted("k"));
        Draft { content: Content { collapse_key: key, ..(*draft.content).clone() }.into(), ..draft }
    };
    let direct = desk.publish(keyed(to_uid("a")));
    let all = desk.publish(keyed(Draft { to: Target::All, ..to_news() }));
    let _older = desk.publish(keyed(to_news()));
    let newer = desk.publish(keyed(to_news()));
    assert_eq!(desk.mail(attached.dev.unwrap(), attached.cursor), [at(&direct), at(&all), at(&newer)]);
}

#[test]
fn a_fleeting_message_waits_for_no_member_and_a_report_proves_one_that_waits() {
    let mut desk = Desk::new();
    let attached = desk.attach(register("a", None, 1, 1));
    desk.change(true, uid("a")).unwrap();
    desk.publish(Draft { lifetime: Lifetime::Ttl(0), ..to_news() });
    let kept = desk.publish(to_news());
    let dev = attached.dev.unwrap();
    assert_eq!(desk.mail(dev, attached.cursor), [at(&kept)]);
    let status = tidings_json::Json::null();
    let (reg, id) = (Some(attached.reg), Some(kept.id));
    desk.ask(Request::Report(Report { app: AppNo::DEFAULT, reg, dev: Some(dev), id, inferred: None, written: kept.at, status }));
    assert!(desk.facts().iter().any(|fact| matches!(fact, Fact::Reported(told) if told.state == Some(State::Reached))));
    assert_eq!(desk.mail(dev, attached.cursor), [], "it has it");
    desk.ask(prove(dev, kept.at, &[]));
    assert_eq!(desk.events(EventType::MessageReported), 1, "a proof of a wide message is no event");
}

#[test]
fn who_comes_and_goes_all_day_leaves_no_trace_that_nobody_reads() {
    let mut desk = Desk::new();
    let attached = desk.attach(register("a", None, 1, 1));
    let stays = |desk: &Desk| match Base::get(desk.store.maps(), &Key::Stays(attached.reg)) {
        Ok(Some(Row::Stays(stays))) => stays.all().len(),
        other => panic!("{other:?}"),
    };
    for turn in 0..150 {
        assert_eq!(desk.change(turn % 2 == 0, uid("a")), Ok(1));
    }
    assert_eq!(stays(&desk), 75);
    for turn in 150..300 {
        assert_eq!(desk.change(turn % 2 == 0, uid("a")), Ok(1));
    }
    assert_eq!(stays(&desk), 150, "a device that was away may still read all of it");
    let last = desk.publish(to_news());
    desk.ask(prove(attached.dev.unwrap(), last.at, &[]));
    desk.change(true, uid("a")).unwrap();
    assert_eq!(stays(&desk), 1);
}
