//! The pool-by-namespace IPAM plugin: which range an address is from depends on the pod.
