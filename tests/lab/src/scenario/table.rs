//! The table of results.

use std::time::Duration;

use crate::say;

/// One fault and what became of it. Times count from the moment the fault was done.
#[derive(Debug, Clone, Default)]
pub struct Row {
    /// The fault.
    pub fault: String,
    /// Until the agent named it.
    pub seen: Option<Duration>,
    /// Until the agent said Ready again.
    pub healed: Option<Duration>,
    /// What the same repair took by hand, in the same guest without the agent, from the first
    /// command to a client's embedding.
    pub by_hand: Option<Duration>,
    /// The repairs that ran, in their order.
    pub remedies: String,
}

/// Prints rows under a heading; every row has as many cells as the heading.
pub fn print(heading: &[&str], rows: &[Vec<String>]) {
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count());
        cells.chain([heading[column].chars().count()]).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..heading.len()).map(width).collect();
    let line = |cells: Vec<&str>| {
        let padded: Vec<String> =
            cells.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}")).collect();
        padded.join("  ").trim_end().to_owned()
    };
    say::line(&say::paint("1", &line(heading.to_vec())));
    for row in rows {
        say::line(&line(row.iter().map(String::as_str).collect()));
    }
}

/// Seconds with two digits, or a dash.
#[must_use]
pub fn seconds(time: Option<Duration>) -> String {
    time.map_or("-".into(), |time| format!("{:.2} s", time.as_secs_f64()))
}
