use super::*;

const NOW: Millis = Millis(100_000_000);

fn addr(last: u8) -> IpAddr {
    IpAddr::from([10, 0, 0, last])
}

fn ghost(dev: u32, print: u64, cursor: u64, seen_ago_ms: u64, socket: Option<u64>) -> Ghost {
    let serving = socket.map(|socket| (SocketId(socket), socket));
    Ghost {
        dev: Dev(dev),
        print: Print(print),
        addr: addr(1),
        cursor: Position::new(cursor, 0),
        seen: Millis(NOW.0 - seen_ago_ms),
        serving,
    }
}

fn check(ghosts: &[Ghost], print: u64, from: u8, expected: Choice) {
    assert_eq!(choose(ghosts, Print(print), addr(from), NOW), expected);
}

fn new(heir_of: Option<(u32, u64)>, ends: Option<u32>) -> Choice {
    Choice::New { heir_of: heir_of.map(|(dev, cursor)| (Dev(dev), Position::new(cursor, 0))), ends: ends.map(Dev) }
}

#[test]
fn a_free_ghost_of_the_same_kind_comes_back_the_one_seen_last_first() {
    check(&[ghost(1, 7, 5, 1_000, None), ghost(2, 7, 9, 500, None)], 7, 1, Choice::Back(Dev(2)));
}

#[test]
fn after_ten_minutes_the_one_that_has_had_least_comes_back() {
    check(&[ghost(1, 7, 5, RECENT_MS + 5, None), ghost(2, 7, 9, RECENT_MS, None)], 7, 1, Choice::Back(Dev(1)));
    check(&[ghost(1, 7, 5, RECENT_MS + 5, None), ghost(2, 7, 9, RECENT_MS - 1, None)], 7, 1, Choice::Back(Dev(2)));
}

#[test]
fn a_free_ghost_goes_before_one_that_is_online() {
    check(&[ghost(1, 7, 5, 0, Some(1)), ghost(2, 7, 3, RECENT_MS * 9, None)], 7, 1, Choice::Back(Dev(2)));
}

#[test]
fn an_online_ghost_of_the_same_kind_is_taken_over_the_longest_online_first() {
    check(&[ghost(1, 7, 5, 0, Some(9)), ghost(2, 7, 3, 0, Some(4))], 7, 1, Choice::Over(Dev(2)));
}

#[test]
fn the_fingerprint_alone_is_no_match_and_neither_is_the_address() {
    check(&[ghost(1, 7, 5, 0, None)], 7, 2, new(Some((1, 5)), None));
    check(&[ghost(1, 7, 5, 0, None)], 8, 1, new(Some((1, 5)), None));
}

#[test]
fn a_new_ghost_starts_at_now_beside_an_online_one_and_else_at_the_lowest_cursor() {
    check(&[ghost(1, 7, 5, 0, Some(1)), ghost(2, 9, 3, 0, None)], 8, 1, new(None, None));
    check(&[ghost(1, 7, 5, 0, None), ghost(2, 9, 3, 0, None)], 8, 1, new(Some((2, 3)), None));
}

#[test]
fn a_fifth_ghost_ends_the_free_one_unseen_longest_and_is_not_its_heir() {
    let four = [ghost(1, 1, 5, 10, None), ghost(2, 2, 3, 90, None), ghost(3, 3, 4, 20, None), ghost(4, 4, 6, 30, None)];
    check(&four, 8, 1, new(Some((3, 4)), Some(2)));
}

#[test]
fn with_four_online_a_socket_of_another_kind_is_an_extra() {
    let four: Vec<Ghost> = (1..=4).map(|n| ghost(n, u64::from(n), 5, 0, Some(u64::from(n)))).collect();
    check(&four, 8, 1, Choice::Extra);
    check(&four, 3, 1, Choice::Over(Dev(3)));
}
