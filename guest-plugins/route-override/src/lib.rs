//! The route-override stage: other routes than IPAM gave.
//!
//! | key | meaning |
//! | --- | --- |
//! | `flushroutes` | remove every route through a gateway, and every default route |
//! | `flushgateway` | remove the default routes of both families |
//! | `delroutes` | `{dst, gw, table}`: remove the routes to `dst`, those through `gw` alone if it is given |
//! | `gateway` | an address, or a list of one for each family: default routes of its family go through it from now on; if there is none it is made. Routes of `addroutes` without `gw` go through it as well |
//! | `addroutes` | `{dst, gw, mtu, advmss, priority, table, scope}`: routes to add |
//! | `skipcheck` | accepted for the original's configurations and without effect: the host compares the kernel by itself |
//!
//! Keys and order are those of the CNI plugin of this name: flush, delete, add. `flushroutes`, `flushgateway`, `delroutes`
//! and `addroutes` in `args.cni` replace the configuration's. `gateway` is new.
//!
//! The stage works on what is proposed so far, in the main table unless `table` says otherwise. Routes of the network that
//! the interface is on (without a gateway, or of scope link) and routes to link-local networks survive `flushroutes`, as
//! they do in the original. A route that an earlier stage added can't be removed: put this stage before that one.
//!
//! A route of `addroutes` that is there already is left alone; where another one is in its way the ADD fails and says which.
//!
//! Different from the original: `gw` of `delroutes` counts; the gateways of the addresses stay in the result; what can't be
//! done fails the ADD instead of being left undone.

mod config;
mod gateways;
mod plugin;
mod table;

pub use config::RouteOverride;

#[cfg(test)]
mod tests;
