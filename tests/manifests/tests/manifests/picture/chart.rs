//! Panels as SVG.

use std::fmt::Write as _;

use serde_json::Value;

use super::prometheus::Point;

/// A panel's place, in pixels.
#[derive(Clone, Copy)]
pub(super) struct Frame {
    pub(super) x: u64,
    pub(super) y: u64,
    pub(super) width: u64,
    pub(super) height: u64,
}

/// A line's legend and its points.
type Line = (String, Vec<Point>);

const COLOURS: &[&str] =
    &["#3274d9", "#e0752d", "#56a64b", "#a352cc", "#e02f44", "#b8860b", "#0f8a8a", "#777777"];
/// Labels that say nothing here: all series of a table have the same.
const EVERYWHERE: &[&str] = &["__name__", "job", "namespace"];
/// Around what is drawn: for the values at the left, the title above, the times below.
const LEFT: f64 = 56.0;
const RIGHT: f64 = 14.0;
const TOP: f64 = 34.0;
const BELOW: f64 = 20.0;
/// From one line of text to the next.
const TEXT: f64 = 15.0;

/// The beginning of a picture of that size.
pub(super) fn head(width: u64, height: u64) -> String {
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" \
         font-family=\"sans-serif\" font-size=\"11\" fill=\"#333\">\n\
         <rect width=\"{width}\" height=\"{height}\" fill=\"#f4f5f5\"/>\n\
         <text x=\"10\" y=\"20\" font-size=\"13\">Drawn from the dashboard&#39;s queries, as \
         Prometheus answers them over scrapes of the lab&#39;s guests: not by Grafana</text>\n"
    )
}

/// As text in XML.
pub(super) fn escaped(text: &str) -> String {
    let text = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    text.replace('"', "&quot;")
}

/// A line for each series: its labels, without those that all have.
pub(super) fn table(rows: &[Value]) -> String {
    let shown = |labels: &Value| {
        let labels = labels.as_object().unwrap().iter();
        let labels = labels.filter(|(label, _)| !EVERYWHERE.contains(&label.as_str()));
        labels.map(|(k, v)| format!("{k}: {}", v.as_str().unwrap())).collect::<Vec<_>>()
    };
    let mut rows: Vec<_> = rows.iter().map(|row| shown(row).join("   ")).collect();
    rows.sort_unstable();
    let mut text = String::new();
    let mut y = TOP + TEXT;
    for row in rows {
        text += &label(12.0, y, "start", &row);
        y += TEXT;
    }
    text
}

impl Frame {
    /// Its frame, with its title; what is drawn in it ends at its edges.
    pub(super) fn open(self, title: &str, queries: &[String]) -> String {
        let Self { x, y, width, height } = self;
        format!(
            "<svg x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\">\n\
             <desc>{}</desc>\n\
             <rect x=\"3\" y=\"3\" width=\"{}\" height=\"{}\" fill=\"#fff\" stroke=\"#ddd\"/>\n\
             <text x=\"12\" y=\"22\" font-size=\"13\" font-weight=\"bold\">{}</text>\n",
            escaped(&queries.join("\n")),
            width - 6,
            height - 6,
            escaped(title)
        )
    }

    /// A bar for each series, in the colour of its value. Where there is none, it has a gap.
    pub(super) fn states(self, lines: &[Line], defaults: &Value, over: (u64, u64)) -> String {
        let plot = Plot::of(self, 1.0, over, 0);
        let mut text = plot.times();
        let height = (plot.height / float(lines.len() as u64)).min(60.0);
        let states = &defaults["mappings"][0]["options"];
        let step = float(super::STEP) * plot.width / float(over.1 - over.0);
        for (number, (name, points)) in lines.iter().enumerate() {
            let y = TOP + height * float(number as u64);
            text += &label(LEFT - 6.0, y + height / 2.0, "end", name);
            let follows = |one: &Point, next: &Point| next.0 - one.0 == super::STEP;
            for run in points.chunk_by(|one, next| same(one, next) && follows(one, next)) {
                let colour = states[run[0].1.to_string()]["color"].as_str().unwrap();
                let (x, width) = (plot.x(run[0].0), step * float(run.len() as u64));
                writeln!(
                    text,
                    "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{:.1}\" \
                     fill=\"{colour}\" fill-opacity=\"0.7\"/>",
                    height - 4.0
                )
                .unwrap();
            }
        }
        text
    }

    /// Lines, or bars upon each other, with their legends below.
    pub(super) fn lines(self, lines: &[Line], defaults: &Value, over: (u64, u64)) -> String {
        let bars = defaults["custom"]["drawStyle"] == "bars";
        let values = lines.iter().flat_map(|line| &line.1).map(|point| point.1);
        let greatest = values.fold(0.0, f64::max);
        let plot = Plot::of(self, if greatest > 0.0 { greatest } else { 1.0 }, over, lines.len());
        let mut text = plot.times() + &plot.values(defaults["unit"].as_str().unwrap_or_default());
        // How high the bars at each time are by now.
        let mut piled = std::collections::BTreeMap::new();
        for (number, (name, points)) in lines.iter().enumerate() {
            let colour = COLOURS[number % COLOURS.len()];
            if bars {
                for (at, value) in points.iter().filter(|point| point.1 > 0.0) {
                    let base = piled.entry(*at).or_insert(0.0);
                    let (x, low, high) = (plot.x(*at), plot.y(*base), plot.y(*base + value));
                    *base += value;
                    writeln!(
                        text,
                        "<path d=\"M{x:.1} {low:.1}V{high:.1}\" stroke=\"{colour}\" \
                         stroke-width=\"1.5\"/>"
                    )
                    .unwrap();
                }
            } else {
                for run in points.chunk_by(|one, next| next.0 - one.0 == super::STEP) {
                    text += &plot.line(run, colour);
                }
            }
            let y = plot.bottom() + BELOW + TEXT * (float(number as u64) + 0.7);
            writeln!(
                text,
                "<rect x=\"12\" y=\"{:.1}\" width=\"12\" height=\"4\" fill=\"{colour}\"/>",
                y - 6.0
            )
            .unwrap();
            text += &label(30.0, y, "start", name);
        }
        text
    }
}

/// The part of a panel in which time goes to the right and values go up.
struct Plot {
    width: f64,
    height: f64,
    greatest: f64,
    start: u64,
    end: u64,
}

impl Plot {
    fn of(frame: Frame, greatest: f64, (start, end): (u64, u64), legends: usize) -> Self {
        let text = TOP + BELOW + TEXT * float(legends as u64) + 8.0;
        let height = float(frame.height) - text;
        Self { width: float(frame.width) - LEFT - RIGHT, height, greatest, start, end }
    }

    fn bottom(&self) -> f64 {
        TOP + self.height
    }

    fn x(&self, at: u64) -> f64 {
        LEFT + self.width * float(at - self.start) / float(self.end - self.start)
    }

    fn y(&self, value: f64) -> f64 {
        self.bottom() - self.height * value / self.greatest
    }

    /// The hours since the start.
    fn times(&self) -> String {
        (0..=(self.end - self.start) / 3600).fold(String::new(), |text, hour| {
            let x = self.x(self.start + hour * 3600);
            text + &label(x, self.bottom() + 14.0, "middle", &format!("{hour} h"))
        })
    }

    /// None, half, and all of the greatest.
    fn values(&self, unit: &str) -> String {
        let (one, sign) = scale(unit, self.greatest);
        let digits = if self.greatest / one >= 10.0 { 0 } else { 2 };
        [0.0, 0.5, 1.0].map(|part| part * self.greatest).iter().fold(
            String::new(),
            |mut text, value| {
                let (y, right) = (self.y(*value), LEFT + self.width);
                writeln!(text, "<path d=\"M{LEFT} {y:.1}H{right:.1}\" stroke=\"#e4e4e4\"/>")
                    .unwrap();
                text + &label(
                    LEFT - 6.0,
                    y + 4.0,
                    "end",
                    &format!("{:.digits$}{sign}", value / one),
                )
            },
        )
    }

    /// A line without gaps. Points on a level between two others say nothing.
    fn line(&self, run: &[Point], colour: &str) -> String {
        let level =
            |at: usize| at > 0 && at + 1 < run.len() && run[at - 1..=at + 1].is_sorted_by(same);
        let points = (0..run.len()).filter(|at| !level(*at)).map(|at| run[at]);
        let points = points.map(|(at, value)| format!("{:.1},{:.1}", self.x(at), self.y(value)));
        let points = points.collect::<Vec<_>>().join(" ");
        format!(
            "<polyline points=\"{points}\" fill=\"none\" stroke=\"{colour}\" \
             stroke-width=\"1.5\"/>\n"
        )
    }
}

/// Whether two points are on a level.
fn same(one: &Point, other: &Point) -> bool {
    one.1.total_cmp(&other.1).is_eq()
}

/// What Grafana calls that unit, for values up to the greatest: how much of it is one, and its sign.
fn scale(unit: &str, greatest: f64) -> (f64, &'static str) {
    match unit {
        "s" if greatest >= 120.0 => (60.0, " min"),
        "s" if greatest < 1.0 => (0.001, " ms"),
        "s" => (1.0, " s"),
        "ops" => (1.0, "/s"),
        "percent" => (1.0, " %"),
        "percentunit" => (0.01, " %"),
        "mbytes" => (1024.0, " GiB"),
        _ => (1.0, ""),
    }
}

fn label(x: f64, y: f64, anchor: &str, text: &str) -> String {
    let text = escaped(text);
    format!("<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\">{text}</text>\n")
}

/// Times and pixels are far from where this would round.
#[expect(clippy::cast_precision_loss, reason = "all below 2^52")]
fn float(number: u64) -> f64 {
    number as f64
}
