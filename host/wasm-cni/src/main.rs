//! The CNI executable: reads the request, runs the verb, prints the result.

fn main() {}
