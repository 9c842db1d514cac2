//! What the object takes is found out by calling it.

use super::*;

#[tokio::test]
async fn an_event_listener_gets_the_batch_in_one_call_without_a_context() {
    let business = Business::open(EVENT_LISTENER).await;
    let mut carrier = business.carrier();
    assert_eq!(carrier.carry(&batch("roso")).await, taken(3));
    assert_eq!(carrier.carry(&batch("o")).await, taken(0));
    assert_eq!(business.servant.heard(), ["events 5-0 5-1 5-2 5-3", "events 5-0"]);
    assert_eq!(*business.servant.contexts.lock().unwrap(), 0);
    assert_eq!(carrier.passed_over().load(Ordering::Relaxed), 0);
}

#[tokio::test]
async fn a_push_listener_gets_runs_and_is_not_asked_again_what_it_lacks() {
    let business = Business::open(PUSH_LISTENER).await;
    let mut carrier = business.carrier();
    assert_eq!(carrier.carry(&batch("rorss")).await, taken(4));
    assert_eq!(carrier.carry(&batch("ss")).await, taken(1));
    assert_eq!(business.servant.heard(), ["events?", "registeredBatch 5-0 5-2", "reportedBatch 5-3 5-4", "reportedBatch 5-0 5-1"]);
    assert_eq!(carrier.passed_over().load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn a_listener_without_batches_gets_one_by_one() {
    let business = Business::open(OLD_LISTENER).await;
    let mut carrier = business.carrier();
    assert_eq!(carrier.carry(&batch("rrs")).await, taken(2));
    assert_eq!(carrier.carry(&batch("s")).await, taken(0));
    assert_eq!(
        business.servant.heard(),
        ["events?", "registeredBatch?", "registered 5-0", "registered 5-1", "reported 5-2", "reported 5-0"]
    );
}

#[tokio::test]
async fn what_an_old_listener_has_no_operation_for_is_passed_over_only_while_it_is_there() {
    let business = Business::open(PUSH_LISTENER).await;
    let mut carrier = business.carrier();
    assert_eq!(carrier.carry(&batch("ooo")).await, taken(2));
    assert_eq!(carrier.passed_over().load(Ordering::Relaxed), 3);
    let port = business.close().await;
    assert!(matches!(carrier.carry(&batch("oo")).await, Outcome::Later { after: None, .. }));

    let business = Business::open_at(port, EVENT_LISTENER).await;
    assert_eq!(carrier.carry(&batch("oo")).await, taken(1));
    assert_eq!(business.servant.heard(), ["events 5-0 5-1"]);
    assert_eq!(carrier.passed_over().load(Ordering::Relaxed), 3);
}

#[tokio::test]
async fn an_object_with_no_operation_of_ours_is_asked_all_of_them_again() {
    let business = Business::open(&[]).await;
    let mut carrier = business.carrier();
    assert!(matches!(carrier.carry(&batch("r")).await, Outcome::Later { after: None, .. }));
    assert_eq!(business.servant.heard(), ["events?", "registeredBatch?", "registered?"]);
    *business.servant.has.lock().unwrap() = EVENT_LISTENER;
    assert_eq!(carrier.carry(&batch("r")).await, taken(0));
    assert_eq!(business.servant.heard(), ["events 5-0"]);
}

#[tokio::test]
async fn a_listener_that_fails_at_batches_and_takes_single_calls_gets_these() {
    let business = Business::open(PUSH_LISTENER).await;
    business.servant.will([failed()]);
    let mut carrier = business.carrier();
    assert_eq!(carrier.carry(&batch("ss")).await, taken(1));
    assert_eq!(carrier.carry(&batch("r")).await, taken(0));
    let heard = ["events?", "reportedBatch 5-0 5-1", "reported 5-0", "reported 5-1", "registered 5-0"];
    assert_eq!(business.servant.heard(), heard);
}

#[tokio::test]
async fn a_listener_that_fails_at_both_is_asked_later_by_batches() {
    let business = Business::open(PUSH_LISTENER).await;
    business.servant.will([failed(), failed()]);
    let mut carrier = business.carrier();
    assert!(matches!(carrier.carry(&batch("ss")).await, Outcome::Later { after: None, .. }));
    assert_eq!(carrier.carry(&batch("ss")).await, taken(1));
    assert_eq!(business.servant.heard(), ["events?", "reportedBatch 5-0 5-1", "reported 5-0", "reportedBatch 5-0 5-1"]);
}

#[tokio::test]
async fn an_event_listener_that_fails_is_not_told_less() {
    let business = Business::open(&["events", "registered"]).await;
    business.servant.will([failed()]);
    let mut carrier = business.carrier();
    assert!(matches!(carrier.carry(&batch("r")).await, Outcome::Later { after: None, .. }));
    assert_eq!(business.servant.heard(), ["events 5-0"]);
}
