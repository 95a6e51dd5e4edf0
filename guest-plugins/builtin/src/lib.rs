//! All built-in plugins as one component.
