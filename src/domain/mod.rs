//! The warehouse's rules: orders, pick lists, parcels, waybills, stations; what a scan does to them, and why not.
//!
//! Pure: no clock, no IO, no randomness. [`decide::decide`] judges a scan, [`upstream::intake`] and
//! [`upstream::order_action`] judge what the systems above say, both answer facts ([`event::Event`]), and [`apply()`]
//! folds facts into the state. [`invariants`] are what must hold after each of them. [`consolidate`] says which packed
//! parcels may share a bag, [`bag`] what becomes of bags and their labels, [`rules`] are the interceptions that a
//! configuration sets, [`printing`] says what is printed where, [`retention`] what is still open.

mod apply;
pub mod bag;
pub mod clock;
pub mod consolidate;
pub mod courier;
pub mod decide;
pub mod event;
pub mod gate;
pub mod ids;
pub mod invariants;
pub mod manifest;
pub mod memory;
pub mod order;
pub mod printing;
pub mod product;
mod progress;
pub mod retention;
pub mod rules;
pub mod scan;
pub mod station;
pub mod upstream;
pub mod verdict;
pub mod view;
pub mod work;

/// Whether a field says nothing: it is then left out of its document, which is written with every scan.
fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

pub use self::apply::{ApplyError, apply, is_local_stage};
