//! Checksums and tables: whether a text that looks like something is it.
