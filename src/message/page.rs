//! later

