//! The CNI verbs: guests decide, the kernel acts, the store remembers.
