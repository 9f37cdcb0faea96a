//! waybind: every scan is checked, every waybill is bound.
pub mod barcode;
pub mod domain;
pub mod message;
pub mod ledger;
pub mod protocol;
pub mod clock;
pub mod config;
pub mod telemetry;
pub mod device;
pub mod web;
pub mod service;
pub mod cli;
pub mod sim;
