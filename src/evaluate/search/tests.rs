//! Searches by construct over traces written down here.
