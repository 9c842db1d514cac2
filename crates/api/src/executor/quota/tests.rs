use super::*;

const SHOP: AppNo = AppNo(1);

fn quotas(calls: u32, messages: u32, broadcasts: u32) -> Quotas {
    Quotas::new(&Limits { api_calls_per_s: calls, messages_per_s: messages, broadcasts_per_hour: broadcasts, ..Limits::default() })
}

#[test]
fn the_last_call_of_a_second_is_let_in_and_the_next_one_told_when() {
    let quotas = quotas(2, 0, 0);
    let now = Millis(10_000);
    assert_eq!(quotas.call(SHOP, now), Ok(Some(Allowance { limit: 2, remaining: 1, reset_ms: 1000 })));
    assert_eq!(quotas.call(SHOP, Millis(10_400)), Ok(Some(Allowance { limit: 2, remaining: 0, reset_ms: 600 })));
    let refusal = quotas.call(SHOP, Millis(10_999)).unwrap_err();
    assert_eq!((refusal.code, refusal.limit, refusal.actual, refusal.retry_after_ms), (Code::RateLimited, Some(2), Some(3), Some(1)));
    assert_eq!(quotas.call(SHOP, Millis(11_000)), Ok(Some(Allowance { limit: 2, remaining: 1, reset_ms: 1000 })));
}

#[test]
fn an_app_uses_only_its_own() {
    let quotas = quotas(1, 0, 0);
    assert!(quotas.call(SHOP, Millis(0)).is_ok());
    assert!(quotas.call(SHOP, Millis(0)).is_err());
    assert!(quotas.call(AppNo::DEFAULT, Millis(0)).is_ok());
}

#[test]
fn broadcasts_have_an_hour_and_direct_messages_none() {
    let quotas = quotas(0, 0, 2);
    for _ in 0..2 {
        assert!(quotas.message(SHOP, true, Millis(5)).is_ok());
    }
    let refusal = quotas.message(SHOP, true, Millis(HOUR_MS)).unwrap_err();
    assert_eq!(refusal.retry_after_ms, Some(5));
    for _ in 0..100 {
        assert!(quotas.message(SHOP, false, Millis(HOUR_MS)).is_ok());
    }
    assert!(quotas.message(SHOP, true, Millis(HOUR_MS + 5)).is_ok());
}

#[test]
fn a_broadcast_that_is_refused_uses_no_message() {
    let quotas = quotas(0, 2, 1);
    assert!(quotas.message(SHOP, true, Millis(0)).is_ok());
    assert!(quotas.message(SHOP, true, Millis(0)).is_err());
    assert!(quotas.message(SHOP, false, Millis(0)).is_ok());
    assert!(quotas.message(SHOP, false, Millis(999)).is_err());
    assert!(quotas.message(SHOP, false, Millis(1000)).is_ok());
}

#[test]
fn nothing_is_limited_unless_it_is_set() {
    let quotas = quotas(0, 0, 0);
    for _ in 0..1000 {
        assert_eq!(quotas.call(SHOP, Millis(0)), Ok(None));
        assert_eq!(quotas.message(SHOP, true, Millis(0)), Ok(()));
    }
}

#[test]
fn apps_that_are_gone_do_not_pile_up() {
    let quotas = quotas(1, 0, 0);
    for app in 0..3 * Limits::APPS as u32 {
        assert!(quotas.call(AppNo(app), Millis(u64::from(app) * SECOND_MS)).is_ok());
    }
    assert!(quotas.used.lock().unwrap().len() <= Limits::APPS + 1);
}
