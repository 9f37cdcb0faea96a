//! waybind: every scan is checked, every waybill is bound.
pub mod barcode;
pub mod domain;
pub mod message;
