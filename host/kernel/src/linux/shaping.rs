//! Rates of links (tc(8)): a token bucket holds what a link sends; what it receives goes through the token bucket of an
//! intermediate functional block first.

mod idle;
mod ifb;
mod redirect;
mod token_bucket;
