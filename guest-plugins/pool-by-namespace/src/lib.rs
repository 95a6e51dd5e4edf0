//! The pool-by-namespace IPAM plugin: which part of a network's ranges an address is from depends on the pod.
//!
//! | key of `ipam` | meaning |
//! | --- | --- |
//! | `ranges`, `subnet`, `rangeStart`, `rangeEnd`, `gateway`, `exclude`, `routes`, `resolvConf`, `dataDir` | as host-local has them: all addresses of the network, and what goes with them |
//! | `pools` | `{"gold": [{subnet}, {rangeStart, rangeEnd}]}`: parts of `ranges` under a name |
//! | `namespaces` | `{"team-a": "gold"}`: the pool of a pod's namespace |
//! | `default` | the pool of everybody else; `"*"` in `namespaces` is the same |
//! | `annotation` | the pod's annotation that names a pool instead, `wasm-cni/pool` unless given; `""` for none |
//! | `sticky` | `none` (the default), `statefulset` or `pod`: whose pods get the address that they had before, if it is free |
//!
//! A pool has a part of each range set, since an interface gets an address of each, and no address is in two pools. The
//! interface's prefix length and gateway are those of the range. Requested addresses must be of the pool.
//!
//! The annotation wins over the namespace. But who may annotate a pod is not who configures the network, so a pool that
//! `namespaces` gives to some namespaces is for these alone, unless it is the default as well. Runtimes pass annotations
//! to networks that declare the capability `io.kubernetes.cri.pod-annotations`.
//!
//! A pod for which nothing names a pool is refused.
//!
//! With `statefulset` pods are taken for a StatefulSet's whose names end with a number (`web-0`), which is all that a
//! runtime tells. With `pod` the address of each is remembered, which makes sense where names come back; a name costs some
//! hundred bytes of the network's durable storage (1 MiB unless configured otherwise), for good. A remembered address that
//! was given to another pod, or is no longer in the pool, is forgotten for a new one. Nothing is lost but the address if
//! the storage fails.

mod allocate;
mod config;
mod part;
mod pool;
mod sticky;

pub use config::PoolByNamespace;

#[cfg(test)]
mod tests;
