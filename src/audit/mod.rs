//! Audit: the story of every document, and the invariants that prove the whole.
