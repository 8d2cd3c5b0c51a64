//! Where one scenario plays: its guests and its figures.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use anyhow::Result;

use super::table::Row;
use crate::guest::options::Options;
use crate::guest::{Guest, template};
use crate::host::inside::Lab;
use crate::paths::write;
use crate::say;

/// How long a healthy guest may take from its boot to its first Ready. A real server loads a
/// real model on two slow cores first.
pub const FIRST_READY: Duration = Duration::from_mins(2);

/// A scenario's stage.
pub struct Stage {
    /// The run.
    pub lab: Rc<Lab>,
    name: String,
    guests: RefCell<Vec<Rc<Guest>>>,
    rows: RefCell<Vec<Row>>,
}

impl Stage {
    /// An empty stage.
    #[must_use]
    pub fn new(lab: &Rc<Lab>, name: &str) -> Self {
        Self {
            lab: Rc::clone(lab),
            name: name.into(),
            guests: RefCell::default(),
            rows: RefCell::default(),
        }
    }

    /// Options for a guest of this scenario whose data disk holds model and alias.
    pub async fn healthy_options(&self) -> Result<Options> {
        let data = self.lab.healthy.get_or_try_init(|| template::ensure(&self.lab)).await?;
        Ok(Options { data: Some(data.clone()), ..Options::empty(&self.name) })
    }

    /// Makes a guest that is still powered off.
    pub async fn make(&self, options: Options) -> Result<Rc<Guest>> {
        let guest = Guest::make(&self.lab, options).await?;
        // Kept before it boots: one that does not has the most to tell.
        self.guests.borrow_mut().push(Rc::clone(&guest));
        Ok(guest)
    }

    /// Takes a guest in that was made elsewhere, so that its evidence is saved.
    pub fn keep(&self, guest: &Rc<Guest>) {
        self.guests.borrow_mut().push(Rc::clone(guest));
    }

    /// The scenario's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Boots a guest.
    pub async fn boot(&self, options: Options) -> Result<Rc<Guest>> {
        let guest = self.make(options).await?;
        guest.power_on().await?;
        Ok(guest)
    }

    /// Boots a guest with all in order and waits until it is ready.
    pub async fn boot_healthy(&self) -> Result<Rc<Guest>> {
        self.boot_another_healthy(&self.name).await
    }

    /// The same with another name than the scenario's. It has spent none of its budgets, and
    /// waits for nothing.
    pub async fn boot_another_healthy(&self, name: &str) -> Result<Rc<Guest>> {
        let options = Options { name: name.into(), ..self.healthy_options().await? };
        let guest = self.boot(options).await?;
        let mark = guest.since_boot();
        guest.until_ready(mark.at, FIRST_READY).await?;
        Ok(guest)
    }

    /// Says what is done to the guest.
    pub fn say(&self, text: &str) {
        say::line(&format!("{} {text}", say::paint("36", &format!("[{}]", self.name))));
    }

    /// Keeps what Prometheus gets, in `target/lab/scrapes`, for the tests of its rules.
    pub fn keep_scrape(&self, name: &str, scrape: &str) -> Result<()> {
        let folder = self.lab.run.plan.lab.join("scrapes");
        write(&folder.join(format!("{name}.prom")), scrape)
    }

    /// Adds a line to the table of results.
    pub fn add(&self, row: Row) {
        self.rows.borrow_mut().push(row);
    }

    /// The figures so far.
    #[must_use]
    pub fn rows(&self) -> Vec<Row> {
        self.rows.borrow().clone()
    }

    /// The guests so far.
    #[must_use]
    pub fn guests(&self) -> Vec<Rc<Guest>> {
        self.guests.borrow().clone()
    }
}
