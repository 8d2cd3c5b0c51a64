//! What a person asks of the loop over the control socket.

use std::time::Duration;

use tokio::sync::oneshot;

/// An order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// Pause repairs for so long.
    Pause(Duration),
    /// End the pause.
    Resume,
}

/// An order, and where its answer goes.
#[derive(Debug)]
pub struct Asked {
    /// What is asked.
    pub order: Order,
    /// Takes the answer, in words, once the order was carried out and saved. An error: it was
    /// carried out and could not be saved, so the next agent will not know of it.
    pub answer: oneshot::Sender<Result<String, String>>,
}
