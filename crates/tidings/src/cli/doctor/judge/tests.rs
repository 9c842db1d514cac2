use super::*;

const NOW: u64 = 1_800_000_000_000;

fn ms(times: &[u64]) -> io::Result<Vec<Duration>> {
    Ok(times.iter().map(|ms| Duration::from_millis(*ms)).collect())
}

#[test]
fn a_port_in_use_is_a_fault_unless_the_folder_is_in_use_too() {
    let bind = SocketAddr::from(([127, 0, 0, 1], 5000));
    assert_eq!(port("devices.bind", bind, &Port::Free, None).level, Level::Ok);
    assert_eq!(port("devices.bind", bind, &Port::Taken, Some(7)).level, Level::Ok);
    let taken = port("devices.bind", bind, &Port::Taken, None);
    assert!(taken.level == Level::Fail && taken.says.contains("devices.bind"), "{taken}");
    assert_eq!(port("backend.bind", bind, &Port::Refused("no such address".to_owned()), None).level, Level::Fail);
}

#[test]
fn open_files_are_held_against_the_connections_that_are_meant() {
    for (limit, most, level) in [
        (Some(1024), None, Level::Warn),
        (Some(1024), Some(500), Level::Ok),
        (Some(1024), Some(513), Level::Fail),
        (Some(1_048_576), None, Level::Ok),
        (None, Some(1_000_000), Level::Ok),
        (Some(100), Some(1), Level::Fail),
    ] {
        assert_eq!(files(limit, most).level, level, "{limit:?} {most:?}");
    }
}

#[test]
fn free_space_is_held_against_the_reserve() {
    let reserve = 64 << 20;
    for (free, level) in [(0, Level::Fail), (reserve, Level::Fail), (80 << 20, Level::Warn), (2 << 30, Level::Ok)] {
        assert_eq!(space(Some(free), reserve).level, level, "{free}");
    }
    assert_eq!(space(Some(0), 0).level, Level::Warn);
    assert_eq!(space(None, reserve).level, Level::Warn);
}

#[test]
fn a_disk_is_slow_normal_or_too_good_to_be_true() {
    assert_eq!(disk(ms(&[1, 2, 3])).level, Level::Ok);
    assert_eq!(disk(ms(&[1, 2, 700])).level, Level::Ok, "one slow sync is nothing");
    assert_eq!(disk(ms(&[10, 30, 40])).level, Level::Warn);
    assert_eq!(disk(ms(&[0, 0, 1])).level, Level::Warn);
    assert_eq!(disk(Err(io::ErrorKind::PermissionDenied.into())).level, Level::Fail);
}

#[test]
fn a_clock_is_held_against_what_is_stored() {
    for (wall, newest, level) in [
        (1_000_000, None, Level::Fail),
        (NOW, None, Level::Ok),
        (NOW, Some(NOW - DAY_MS), Level::Ok),
        (NOW, Some(NOW - 401 * DAY_MS), Level::Fail),
        (NOW, Some(NOW + 2 * HOUR_MS), Level::Warn),
    ] {
        assert_eq!(clock(wall, newest).level, level, "{wall} {newest:?}");
    }
}

#[test]
fn what_waits_and_what_is_silent_is_held_against_what_is_usual() {
    assert_eq!([Some(128), Some(4096), None].map(|most| backlog(most).level), [Level::Warn, Level::Ok, Level::Ok]);
    let silent = |interval| proxy(Duration::from_secs(interval), Duration::from_secs(20)).level;
    assert_eq!([silent(25), silent(60)], [Level::Ok, Level::Warn]);
}

#[test]
fn a_line_has_its_level_first() {
    assert_eq!(finding(Level::Fail, "ports", "taken").to_string(), "fail  ports    taken");
}
