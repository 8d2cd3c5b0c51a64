//! `docs/dashboard.svg`: what the dashboard's own queries give, asked of Prometheus over what guests
//! of the lab have told it. Grafana draws the same otherwise.
//!
//! `SAIGAK_BLESS=1 cargo test -p saigak-lab-manifests picture` draws it anew.

mod chart;
mod prometheus;

use std::fmt::Write as _;

use serde_json::Value;

use crate::alerts::{recorded, samples};
use crate::dashboard::{dashboard, filled_in};
use crate::objects::list;
use crate::tools::repository;
use chart::Frame;
use prometheus::Prometheus;

/// States of a guest, in the order in which the lab has recorded them, and how many minutes of the
/// dashboard's six hours each is held.
const COURSE: &[(&str, u64)] = &[
    ("healthy", 40),
    ("paused", 20),
    ("settings-refused", 15),
    ("disk-full", 30),
    ("gpu-lost", 25),
    ("on-cpu", 25),
    ("healthy", 30),
    ("pull-stalled", 30),
    ("healthy", 25),
    ("repaired-01", 15),
    ("repaired-03", 15),
    ("repaired-05", 15),
    ("repaired-07", 15),
    ("repaired-09", 15),
    ("repaired-11", 15),
    ("budget-spent", 30),
];
/// The first minute of 2026, in seconds since the epoch: any full one would do.
const START: u64 = 1_767_225_600;
/// Between two scrapes, and between two points of a line, in seconds.
const STEP: u64 = 60;
/// Pixels of one column of Grafana's grid, of which there are 24, and of one row.
const COLUMN: u64 = 50;
const ROW: u64 = 30;
/// For the line that says what it is.
const HEAD: u64 = 30;

/// The scrapes as Prometheus imports them.
fn scrapes() -> (String, u64) {
    let mut text = String::new();
    let mut minute = 0;
    for (name, lasts) in COURSE {
        let samples = samples(&recorded(name), "saigak");
        for minute in minute..minute + lasts {
            for (series, value) in &samples {
                writeln!(text, "{series} {value} {}", START + minute * STEP).unwrap();
            }
        }
        minute += lasts;
    }
    (text + "# EOF\n", START + (minute - 1) * STEP)
}

/// A legend with the labels of a series filled in.
fn legend(format: &str, labels: &Value) -> String {
    labels.as_object().unwrap().iter().fold(format.to_owned(), |text, (label, value)| {
        text.replace(&format!("{{{{{label}}}}}"), value.as_str().unwrap())
    })
}

fn draw(dashboard: &Value, prometheus: &Prometheus, end: u64) -> String {
    let at = |panel: &Value, key: &str| panel["gridPos"][key].as_u64().unwrap();
    let panels = list(&dashboard["panels"]);
    let rows = panels.iter().map(|panel| at(panel, "y") + at(panel, "h")).max().unwrap();
    let mut text = chart::head(24 * COLUMN, HEAD + rows * ROW);
    for panel in panels {
        let frame = Frame {
            x: at(panel, "x") * COLUMN,
            y: HEAD + at(panel, "y") * ROW,
            width: at(panel, "w") * COLUMN,
            height: at(panel, "h") * ROW,
        };
        let targets = list(&panel["targets"]);
        let query = |target: &Value| target["expr"].as_str().unwrap().to_owned();
        let queries: Vec<_> = targets.iter().map(query).collect();
        text += &frame.open(panel["title"].as_str().unwrap(), &queries);
        if panel["type"] == "table" {
            let rows = queries.iter().flat_map(|query| prometheus.now(&filled_in(query), end));
            text += &chart::table(&rows.collect::<Vec<_>>());
        } else {
            let mut lines: Vec<_> = targets
                .iter()
                .flat_map(|target| {
                    let found = prometheus.range(&filled_in(&query(target)), START, end, STEP);
                    let format = target["legendFormat"].as_str().unwrap();
                    found.into_iter().map(|(labels, points)| (legend(format, &labels), points))
                })
                .collect();
            lines.sort_by(|one, other| one.0.cmp(&other.0));
            let defaults = &panel["fieldConfig"]["defaults"];
            text += &match panel["type"].as_str().unwrap() {
                "state-timeline" => frame.states(&lines, defaults, (START, end)),
                _ => frame.lines(&lines, defaults, (START, end)),
            };
        }
        text += "</svg>\n";
    }
    text + "</svg>\n"
}

fn kept() -> String {
    std::fs::read_to_string(repository().join("docs/dashboard.svg")).unwrap()
}

#[test]
fn it_is_what_the_queries_give() {
    let (scrapes, end) = scrapes();
    let Some(prometheus) = Prometheus::over(&scrapes) else { return };
    let drawn = draw(&dashboard(), &prometheus, end);
    if std::env::var_os("SAIGAK_BLESS").is_some() {
        std::fs::write(repository().join("docs/dashboard.svg"), drawn).unwrap();
    } else {
        let hint = "SAIGAK_BLESS=1 cargo test -p saigak-lab-manifests picture draws it anew";
        assert!(kept() == drawn, "docs/dashboard.svg is not of these scrapes: {hint}");
    }
}

/// Also where there is no Prometheus to draw it anew.
#[test]
fn each_panel_and_its_queries_stand_in_it() {
    let kept = kept();
    let dashboard = dashboard();
    for panel in list(&dashboard["panels"]) {
        let title = chart::escaped(panel["title"].as_str().unwrap());
        assert!(kept.contains(&format!(">{title}</text>")), "{title}");
        for target in list(&panel["targets"]) {
            let query = chart::escaped(target["expr"].as_str().unwrap());
            assert!(kept.contains(&query), "{title}: {query}");
        }
    }
}
