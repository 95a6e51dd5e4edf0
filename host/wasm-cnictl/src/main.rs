//! The tool of operators and plugin authors.

fn main() {}
