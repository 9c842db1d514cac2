use tidings_model::SinkId;

use super::*;

/// Every number that a room counts, each another one.
fn distinct() -> Reading {
    let mut next = 100;
    let mut one = || {
        next += 1;
        next
    };
    Reading {
        doors: Doors {
            connections: one(),
            sessions: one(),
            accepted: one(),
            refused: one(),
            pauses: one(),
            requests: one(),
            messages: one(),
            writes: one(),
            blocked: one(),
            overrun: one(),
            arrived: one(),
            passed: one(),
            bytes_in: one(),
            bytes_out: one(),
        },
        sessions: Sessions {
            unregistered: one(),
            sessions: 10 * one(),
            registered: one(),
            copied_ids: one(),
            broadcasts_written: one(),
            directs_written: one(),
            proofs: one(),
            windows: one(),
            moves: one(),
            displaced: one(),
            refused_registers: one(),
            restarts: one(),
            ignored_page_events: one(),
            client_events: one(),
        },
        log: Log {
            batches: one(),
            records: one(),
            facts: one(),
            failed_appends: one(),
            merges: one(),
            merged_facts: one(),
            refused: one(),
            pages: one(),
            sockets: one(),
            undurable: one(),
            snapshots: one(),
            failed_snapshots: one(),
            removed_segments: one(),
        },
        calls: calls(&mut one),
        followers: one(),
        ice: IceNumbers { connections: one(), accepted: one(), refused: one(), calls: calls(&mut one) },
        process: Process { resident_bytes: one(), open_files: one(), open_files_max: one(), started: one() },
        read_only: true,
        sinks: vec![SinkNumbers {
            id: SinkId::trusted("wh_a"),
            delivered: one(),
            failed: one(),
            parked: one(),
            gaps: one(),
            held: one(),
            is_paused: true,
            lag_records: one(),
            lag_s: one(),
        }],
    }
}

fn calls(one: &mut impl FnMut() -> u64) -> tidings_api::Calls {
    tidings_api::Calls { answered: one(), refused: one(), failed: one(), micros: one() }
}

#[test]
fn each_sink_has_its_numbers_under_its_id() {
    let reading = distinct();
    let text = text(reading.clone());
    let mut values = std::collections::BTreeSet::new();
    for metric in SINKS {
        let suffix = if metric.kind == Kind::Counter { "_total" } else { "" };
        let value = (metric.read)(&reading.sinks[0]);
        assert!(text.contains(&format!("\n{}{suffix}{{sink=\"wh_a\"}} {value}\n", metric.name)), "{} in {text}", metric.name);
        values.insert(value);
    }
    assert_eq!(values.len(), SINKS.len(), "two metrics show one number");
}

#[test]
fn every_metric_moves_with_a_number_of_its_own() {
    let (still, moved) = (Reading::default(), distinct());
    let values: Vec<u64> = METRICS.iter().map(|metric| (metric.read)(&moved)).collect();
    assert!(METRICS.iter().all(|metric| (metric.read)(&still) == 0), "at rest all is zero");
    let different: std::collections::BTreeSet<u64> = values.iter().copied().collect();
    assert_eq!(different.len(), METRICS.len(), "two metrics show one number, or one shows none: {values:?}");
}

#[test]
fn the_text_has_a_type_a_meaning_and_a_value_for_each() {
    let text = text(distinct());
    for metric in METRICS {
        let (kind, suffix) = if metric.kind == Kind::Counter { ("counter", "_total") } else { ("gauge", "") };
        let name = metric.name;
        assert!(text.contains(&format!("# TYPE {name} {kind}\n")), "{name}");
        assert!(text.contains(&format!("\n{name}{suffix} {}\n", (metric.read)(&distinct()))), "{name} in {text}");
    }
    assert!(text.ends_with("# EOF\n"));
}
