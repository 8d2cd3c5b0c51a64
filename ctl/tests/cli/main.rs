//! The program as a person or a script runs it.

mod allow;
mod embedded;
mod hostile;
mod incident;
mod output;
mod rules;
mod run;
