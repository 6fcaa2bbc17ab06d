//! SavedModel folders.
