//! Values as they would be read: escapes undone, with the way back to the original.
