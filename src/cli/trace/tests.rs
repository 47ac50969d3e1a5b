//! The whole picture: snapshots of what a person sees, and what holds for any document.

mod any;
mod estate;
mod frames;
mod pictures;
mod shapes;
