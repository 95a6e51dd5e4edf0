//! Performs and undoes steps on the Linux kernel by netlink: links, addresses, routes, nftables, sysctls.
