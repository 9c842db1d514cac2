//! Sinks, plainly: a list of what was made, and where each stands.

use tidings_model::{Administer, Answer, Code, EventId, Fact, SinkConf, SinkMove, SinkNo, SinkSecret, SinkState, Tracked};

use super::Facts;

struct Sink {
    no: SinkNo,
    id: String,
    secrets: Vec<SinkSecret>,
    cursor: EventId,
    state: SinkState,
    parked: Vec<EventId>,
    /// Where untold events begin, and the move that said so.
    gap: Option<(EventId, EventId)>,
}

#[derive(Default)]
pub(super) struct Sinks {
    living: Vec<Sink>,
    made: u32,
}

impl Sinks {
    pub(super) fn administer(&mut self, ask: &Administer, answer: &Answer, facts: Facts<'_>, context: &str) {
        match ask {
            Administer::CreateSink(new) if self.living.iter().any(|sink| sink.id == new.id.as_str()) => {
                refused(answer, Code::Conflict, context)
            }
            Administer::CreateSink(new) => {
                let at = facts.iter().find(|(.., fact)| matches!(fact, Fact::SinkPut(_))).expect(context).0;
                let SinkConf::Webhook(conf) = &new.conf else { panic!("{context}") };
                self.living.push(Sink {
                    no: SinkNo(self.made),
                    id: new.id.to_string(),
                    secrets: conf.secrets.clone(),
                    cursor: EventId { at, n: 0 },
                    state: SinkState::Active,
                    parked: Vec::new(),
                    gap: None,
                });
                self.made += 1;
                self.compare(SinkNo(self.made - 1), answer, context);
            }
            Administer::ChangeSink(change) => {
                let Some(sink) = self.living.iter_mut().find(|sink| sink.no == change.no) else {
                    return refused(answer, Code::NotFound, context);
                };
                let kept = if change.retire && change.rotate.is_some() { 0 } else { 1 };
                let olds = sink.secrets.iter().take(kept).cloned();
                let all: Vec<SinkSecret> = change.rotate.iter().cloned().chain(olds).collect();
                sink.secrets = if change.rotate.is_none() && !change.retire { sink.secrets.clone() } else { all };
                self.compare(change.no, answer, context);
            }
            Administer::RemoveSink(no) if self.living.iter().any(|sink| sink.no == *no) => {
                assert!(matches!(answer, Answer::Done), "{context}");
                self.living.retain(|sink| sink.no != *no);
            }
            Administer::RemoveSink(_) => refused(answer, Code::NotFound, context),
            other => panic!("{other:?}: {context}"),
        }
    }

    pub(super) fn moves(&mut self, ask: &SinkMove, answer: &Answer, facts: Facts<'_>, context: &str) {
        let Some(sink) = self.living.iter_mut().find(|sink| sink.no == ask.sink) else { return refused(answer, Code::NotFound, context) };
        if ask.expected.is_some_and(|expected| expected != sink.cursor) {
            return refused(answer, Code::Conflict, context);
        }
        if let Answer::Refused(refusal) = answer {
            // Only a cursor beyond the end of the log is left to be refused.
            assert_eq!((refusal.code, ask.to.is_some_and(|to| to > sink.cursor)), (Code::InvalidField, true), "{context}");
            return;
        }
        let before = sink.cursor;
        sink.cursor = ask.to.unwrap_or(before);
        sink.state = ask.state.unwrap_or(sink.state);
        sink.parked.retain(|parked| *parked <= sink.cursor);
        sink.parked.extend(ask.park.filter(|park| *park <= sink.cursor));
        if ask.gap {
            let at = facts.iter().find(|(.., fact)| matches!(fact, Fact::SinkMoved(_))).expect(context).0;
            sink.gap = Some((sink.gap.map_or(before, |(from, _)| from), EventId { at, n: 0 }));
        }
        sink.gap = sink.gap.filter(|(_, told)| sink.cursor < *told);
        self.compare(ask.sink, answer, context);
    }

    fn compare(&self, no: SinkNo, answer: &Answer, context: &str) {
        let Answer::Sink(tracked) = answer else { panic!("{context}") };
        let Tracked { sink: told, standing } = &**tracked;
        let sink = self.living.iter().find(|sink| sink.no == no).expect(context);
        let SinkConf::Webhook(conf) = &told.conf else { panic!("{context}") };
        assert_eq!((told.no, told.id.as_str(), &conf.secrets), (no, sink.id.as_str(), &sink.secrets), "{context}");
        assert_eq!((standing.cursor, standing.state, &standing.parked), (sink.cursor, sink.state, &sink.parked), "{context}");
        let gap = standing.gap.map(|gap| (gap.from, EventId { at: gap.at, n: 0 }));
        assert_eq!(gap, sink.gap, "{context}");
    }
}

fn refused(answer: &Answer, code: Code, context: &str) {
    assert!(matches!(answer, Answer::Refused(refusal) if refusal.code == code), "{context}");
}
