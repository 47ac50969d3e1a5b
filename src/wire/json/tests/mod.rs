//! The writers against literals of a real Tempo, against the model, and against anything at all.

mod arbitrary;
mod literals;
mod properties;
mod scramble;
mod support;
