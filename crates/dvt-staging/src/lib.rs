//! Delta tables that hold extracts: append, overwrite, read at a version, watermark, clean up.
