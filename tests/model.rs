//! Random commands.
#![allow(missing_docs)]
