//! The report: series of figures, one for each pair, what they are measured against, and under which conditions.
//!
//! Scope: medians, goals, JSON and text. Non-scope: how a figure comes about.

use std::fmt::Write as _;
use std::path::Path;

use serde_json::{Map, Value, json};

/// One thing measured, once for each pair.
pub(crate) struct Series {
    name: &'static str,
    values: Vec<f64>,
}

impl Series {
    pub(crate) fn new(name: &'static str) -> Self {
        Self { name, values: Vec::new() }
    }

    pub(crate) fn push(&mut self, value: f64) {
        self.values.push(value);
    }
}

/// What a series is to be held against.
pub(crate) enum Goal {
    /// The median of a series is at most this.
    AtMost(&'static str, f64),
    /// The median, over the pairs, of one series divided by another is at most this; without a limit it is only told.
    Ratio { of: &'static str, to: &'static str, at_most: Option<f64> },
}

/// Everything about one name of the report.
pub(crate) struct Measurement {
    /// What is measured, and how, in a sentence or two.
    pub(crate) what: String,
    /// Of every series.
    pub(crate) unit: &'static str,
    pub(crate) series: Vec<Series>,
    pub(crate) goals: Vec<Goal>,
    /// What a reader must know to judge the figures.
    pub(crate) notes: Vec<String>,
}

/// The middle of some values; of an even number, the mean of the two in the middle.
pub(crate) fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    match sorted.len() {
        0 => f64::NAN,
        length if length % 2 == 0 => f64::midpoint(sorted[middle - 1], sorted[middle]),
        _ => sorted[middle],
    }
}

/// The value below which 99 of 100 lie.
pub(crate) fn percentile_99(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let last = sorted.len().saturating_sub(1);
    sorted.get((sorted.len() * 99 / 100).min(last)).copied().unwrap_or(f64::NAN)
}

/// In which order the contenders of a pair have their turn: the other way round in every second pair, so that neither
/// gains by always being the first.
pub(crate) fn turns<T: Copy>(pair: usize, contenders: &[T]) -> Vec<T> {
    let mut turns = contenders.to_vec();
    if pair % 2 == 1 {
        turns.reverse();
    }
    turns
}

impl Measurement {
    fn values(&self, name: &str) -> &[f64] {
        self.series.iter().find(|series| series.name == name).map_or(&[], |series| &series.values)
    }

    /// In words, what was measured, and whether it is met.
    fn judge(&self, goal: &Goal) -> (String, f64, Option<f64>) {
        match *goal {
            Goal::AtMost(name, limit) => (format!("{name}, {}", self.unit), median(self.values(name)), Some(limit)),
            Goal::Ratio { of, to, at_most } => {
                let pairs = self.values(of).iter().zip(self.values(to));
                let ratios: Vec<f64> = pairs.map(|(ours, theirs)| ours / theirs).collect();
                (format!("{of} / {to}"), median(&ratios), at_most)
            }
        }
    }

    fn json(&self) -> Value {
        let series = |series: &Series| {
            let (least, most) = bounds(&series.values);
            let values: Vec<f64> = series.values.iter().copied().map(rounded).collect();
            let facts = json!({
                "median": rounded(median(&series.values)), "least": rounded(least), "most": rounded(most), "values": values,
            });
            (series.name.to_owned(), facts)
        };
        let goal = |goal: &Goal| {
            let (what, measured, limit) = self.judge(goal);
            let met = limit.map(|limit| measured <= limit);
            json!({ "what": what, "measured": rounded(measured), "atMost": limit, "met": met })
        };
        json!({
            "what": self.what,
            "unit": self.unit,
            "pairs": self.series.iter().map(|series| series.values.len()).max(),
            "series": self.series.iter().map(series).collect::<Map<_, _>>(),
            "goals": self.goals.iter().map(goal).collect::<Vec<_>>(),
            "notes": self.notes,
        })
    }

    fn text(&self) -> String {
        let mut text = format!("  {}\n", self.what);
        for series in &self.series {
            let (least, most) = bounds(&series.values);
            let (middle, count) = (shown(median(&series.values)), series.values.len());
            let range = format!("{} … {} in {count}", shown(least), shown(most));
            // Writing to a string cannot fail.
            let _ = writeln!(text, "  {:<34} {middle:>10} {:<10} ({range})", series.name, self.unit);
        }
        for goal in &self.goals {
            let (what, measured, limit) = self.judge(goal);
            let verdict = match limit {
                None => String::new(),
                Some(limit) if measured <= limit => format!("  goal ≤ {limit}: met"),
                Some(limit) => format!("  goal ≤ {limit}: MISSED"),
            };
            let _ = writeln!(text, "  {what:<34} {:>10}{verdict}", shown(measured));
        }
        for note in &self.notes {
            let _ = writeln!(text, "  note: {note}");
        }
        text
    }
}

fn bounds(values: &[f64]) -> (f64, f64) {
    values.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(least, most), value| (least.min(*value), most.max(*value)))
}

/// Four digits after the point: below that, nothing here means anything.
fn rounded(value: f64) -> f64 {
    (value * 10_000.0).round() / 10_000.0
}

fn shown(value: f64) -> String {
    match value.abs() {
        size if size >= 100.0 => format!("{value:.0}"),
        size if size >= 10.0 => format!("{value:.1}"),
        _ => format!("{value:.3}"),
    }
}

/// All measurements of one call.
pub(crate) struct Report {
    conditions: Value,
    measurements: Map<String, Value>,
    whole: bool,
}

impl Report {
    pub(crate) fn begin() -> Self {
        let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
        let cpu = read("/proc/cpuinfo");
        let cpu = cpu.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": ")).map(|(_, name)| name);
        let conditions = json!({
            "build": if cfg!(debug_assertions) { "debug: these figures say nothing about the product" } else { "release" },
            "cores": std::thread::available_parallelism().map_or(0, usize::from),
            "cpu": cpu,
            "kernel": read("/proc/sys/kernel/osrelease").trim(),
            "loadAtStart": read("/proc/loadavg").split(' ').next().and_then(|load| load.parse::<f64>().ok()),
            "server": "prosody from the system's packages, on loopback, STARTTLS, Nagle off",
            "multicastLeisureMs": 0,
            "processes": "client, server and devices are processes of their own on this one machine and share its cores",
            "order": "within a pair the contenders alternate; in every second pair the other way round",
        });
        Self { conditions, measurements: Map::new(), whole: true }
    }

    /// Under which conditions, for people.
    pub(crate) fn head(&self) -> String {
        let facts = self.conditions.as_object().into_iter().flatten();
        facts.map(|(name, value)| format!("{name}: {}\n", value.to_string().trim_matches('"'))).collect()
    }

    /// Takes a measurement, or why there is none; returns it for people.
    pub(crate) fn add(&mut self, name: &str, outcome: Result<Measurement, String>) -> String {
        let (value, text) = match outcome {
            Ok(measurement) => (measurement.json(), measurement.text()),
            Err(why) => {
                self.whole = false;
                (json!({ "failed": why }), format!("  {why}\n"))
            }
        };
        self.measurements.insert(name.to_owned(), value);
        format!("{name}\n{text}")
    }

    /// Whether everything that was asked for was measured.
    pub(crate) fn is_whole(&self) -> bool {
        self.whole
    }

    pub(crate) fn write(&self, file: &Path) -> std::io::Result<()> {
        if let Some(folder) = file.parent() {
            std::fs::create_dir_all(folder)?;
        }
        let report = json!({ "conditions": self.conditions, "measurements": self.measurements });
        std::fs::write(file, format!("{report:#}\n"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ratios_are_taken_pair_by_pair_and_then_their_middle() {
        let series = |name, values: &[f64]| Series { name, values: values.to_vec() };
        // The machine was ten times as slow in the second pair: both felt it.
        let measurement = Measurement {
            what: String::new(),
            unit: "ms",
            series: vec![series("ours", &[2.0, 20.0, 3.0]), series("echo", &[1.0, 10.0, 1.0])],
            goals: Vec::new(),
            notes: Vec::new(),
        };
        let goal = Goal::Ratio { of: "ours", to: "echo", at_most: Some(1.5) };
        assert_eq!(measurement.judge(&goal), ("ours / echo".to_owned(), 2.0, Some(1.5)));
        assert!(measurement.json()["series"]["ours"]["median"] == 3.0);
    }

    #[test]
    fn the_middle_of_an_even_number_lies_between_two() {
        assert_eq!(median(&[4.0, 1.0, 3.0, 2.0]), 2.5);
        assert!(median(&[]).is_nan());
    }

    #[test]
    fn every_second_pair_goes_the_other_way_round() {
        assert_eq!((turns(0, &[1, 2, 3]), turns(1, &[1, 2, 3])), (vec![1, 2, 3], vec![3, 2, 1]));
    }
}
