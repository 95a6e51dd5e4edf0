//! The route-override stage: other routes than IPAM gave.
