//! What several tests need: a warehouse in memory, spoken to in the words of the scenario files.

#![allow(dead_code, missing_docs, clippy::unwrap_used, reason = "test support")]

pub mod facts;
pub mod known;
pub mod paper;
pub mod received;
pub mod scenario;
pub mod served;
pub mod tools;
pub mod warehouse;
pub mod year;
