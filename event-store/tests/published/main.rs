//! What the world outside the store sees of what was written, and what it does not.

mod canaries;
mod life;
mod older;
mod streams;
mod traces;
