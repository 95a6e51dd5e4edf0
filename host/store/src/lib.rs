//! Leases, attachment records and guests' storage on LMDB.
