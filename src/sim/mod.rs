//! Devices that behave like real ones: the demo and the tests run on them.

pub mod caller;
pub mod courier;
pub mod demo;
pub mod erp;
pub mod office;
pub mod printer;
mod pty;
pub mod receiver;
pub mod scanner;
pub mod story;

pub use self::pty::Pty;
