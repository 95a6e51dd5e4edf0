//! Integration tests and what they stand on.
