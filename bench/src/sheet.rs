//! The figures of all rounds, and the table that is printed: median [min-max] of each side, and the median of the ratios
//! within the rounds.

use std::fmt::Write as _;

/// What DESIGN asks for, by the figure's name.
const AIMS: &[(&str, &str)] = &[
    ("connected: RSS KiB per device", "<= 0.25"),
    ("registered: RSS KiB per device", "<= 0.5"),
    ("connected: CPU us per connect", "<= 1.5 x"),
    ("registered: CPU us per connect", "<= 2 x"),
    ("lone: CPU us per delivery", "<= 1.0 x"),
    ("16 in flight: CPU us per delivery", "<= 0.12 x"),
    ("16 in flight: deliveries/s", "2 M/s"),
    ("direct: CPU us per message", "<= 3 x"),
    ("direct: messages/s", ">= 50 k/s"),
    ("publish, 1 caller: acknowledged/s", ">= 0.9 x"),
    ("publish, 16 callers: acknowledged/s", ">= 0.9 x"),
    ("publish, 64 callers: acknowledged/s", ">= 0.9 x"),
];

/// Of `sinks`, whose publishes are compared with themselves.
const SINK_AIMS: &[(&str, &str)] =
    &[("catch-up, alone: events/s", ">= 20 k/s"), ("publish, 1 caller: ms, p99", "<= 1.1 x"), ("publish, 16 callers: ms, p99", "<= 1.1 x")];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    Product,
    Limit,
}

#[derive(Debug)]
pub(crate) struct Sheet {
    /// The measured side's and the other's.
    names: [&'static str; 2],
    aims: &'static [(&'static str, &'static str)],
    lines: Vec<Line>,
}

impl Default for Sheet {
    fn default() -> Self {
        Self { names: ["Tidings", "bare loop"], aims: AIMS, lines: Vec::new() }
    }
}

#[derive(Debug)]
struct Line {
    name: String,
    product: Vec<f64>,
    limit: Vec<f64>,
}

impl Sheet {
    /// For a server that has a sink to tell, and the same one while it has not.
    pub(crate) fn of_sinks() -> Self {
        Self { names: ["with a sink", "without"], aims: SINK_AIMS, lines: Vec::new() }
    }

    pub(crate) fn put(&mut self, side: Side, name: impl Into<String>, value: f64) {
        let name = name.into();
        let at = self.lines.iter().position(|line| line.name == name).unwrap_or_else(|| {
            self.lines.push(Line { name, product: Vec::new(), limit: Vec::new() });
            self.lines.len() - 1
        });
        match side {
            Side::Product => self.lines[at].product.push(value),
            Side::Limit => self.lines[at].limit.push(value),
        }
    }

    /// A table in Markdown.
    pub(crate) fn table(&self) -> String {
        let [product, limit] = self.names;
        let mut text = format!("| figure | {product} | {limit} | x | aim |\n|---|---|---|---|---|\n");
        for line in &self.lines {
            let aim = self.aims.iter().find(|(name, _)| *name == line.name).map_or("", |(_, aim)| aim);
            let (product, limit) = (spread(&line.product), spread(&line.limit));
            let _ = writeln!(text, "| {} | {product} | {limit} | {} | {aim} |", line.name, ratio(line));
        }
        text
    }
}

fn ratio(line: &Line) -> String {
    let ratios: Vec<f64> =
        line.product.iter().zip(&line.limit).filter(|(_, limit)| **limit != 0.0).map(|(product, limit)| product / limit).collect();
    median(&ratios).map(short).unwrap_or_default()
}

fn spread(values: &[f64]) -> String {
    let (Some(median), Some(min), Some(max)) =
        (median(values), values.iter().copied().reduce(f64::min), values.iter().copied().reduce(f64::max))
    else {
        return "-".into();
    };
    if values.len() == 1 { short(median) } else { format!("{} [{}-{}]", short(median), short(min), short(max)) }
}

pub(crate) fn median(values: &[f64]) -> Option<f64> {
    percentile(values, 50)
}

/// The nearest rank; none of nothing.
pub(crate) fn percentile(values: &[f64], percent: usize) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let rank = (sorted.len() * percent).div_ceil(100).max(1);
    sorted.get(rank - 1).copied()
}

/// Three figures that count.
fn short(value: f64) -> String {
    match value.abs() {
        size if size >= 1e6 => format!("{:.2} M", value / 1e6),
        size if size >= 1e4 => format!("{:.1} k", value / 1e3),
        size if size >= 100.0 => format!("{value:.0}"),
        size if size >= 10.0 => format!("{value:.1}"),
        size if size >= 1.0 => format!("{value:.2}"),
        _ => format!("{value:.3}"),
    }
}

#[cfg(test)]
mod tests;
