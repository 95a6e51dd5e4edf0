//! The quota stage: how many attachments a pod namespace may have.
