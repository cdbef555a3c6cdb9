//! What goes wrong on the way, and comes right or is told.
