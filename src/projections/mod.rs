//! Read models: one file each, and the sink actor that feeds them.
