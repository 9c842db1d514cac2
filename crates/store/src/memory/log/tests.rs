use super::*;
use crate::log::conformance::{Stage, conformance, message, record};

struct InMemory(Arc<MemLog>);

impl Stage for InMemory {
    fn log(&self) -> Arc<dyn Log> {
        self.0.clone()
    }

    fn kill(&mut self) {
        self.0.crash();
    }
}

conformance!(InMemory(Arc::default()));

/// What the log holds after two records, of which the second meets `fault`.
fn after(fault: Fault) -> (MemLog, Result<u64, AppendError>) {
    let log = MemLog::default();
    log.append(0, &[record(0, 1000, [message(1000, 1, 1)])]).expect("stored");
    log.fail_next(fault);
    let result = log.append(1, &[record(1, 1001, [message(1001, 2, 1)])]);
    (log, result)
}

fn last(log: &MemLog) -> u64 {
    log.bounds().expect("readable").last
}

#[test]
fn a_full_log_stores_nothing_and_takes_the_next_append() {
    let (log, result) = after(Fault::Full);
    assert_eq!(result, Err(AppendError::Full));
    log.crash();
    assert_eq!(last(&log), 1);
    assert_eq!(log.append(1, &[record(1, 1002, [message(1002, 3, 1)])]), Ok(2));
}

#[test]
fn what_was_stored_unseen_is_there_once_or_gone_for_good() {
    let (log, result) = after(Fault::UnknownStored);
    assert!(matches!(result, Err(AppendError::Unknown { goes_on: true, .. })));
    assert_eq!(last(&log), 1);
    log.crash();
    assert_eq!(last(&log), 2, "a crash brings it to life");

    let (log, _) = after(Fault::UnknownStored);
    log.append(1, &[record(1, 1002, [message(1002, 3, 1)])]).expect("stored");
    log.crash();
    assert_eq!(last(&log), 2, "the next append overwrote it");
    assert_eq!(log.find(MessageId::v7(1001, [2; 10])), Ok(None));

    let (log, _) = after(Fault::UnknownLost);
    log.crash();
    assert_eq!(last(&log), 1);
}

#[test]
fn a_held_log_appends_when_it_is_released() {
    let log = Arc::new(MemLog::default());
    log.hold();
    let slow = log.clone();
    let append = std::thread::Builder::new().spawn(move || slow.append(0, &[record(0, 1, [message(1, 1, 1)])])).expect("a thread");
    assert_eq!(last(&log), 0);
    log.release();
    assert_eq!(append.join().expect("no panic"), Ok(1));
}
