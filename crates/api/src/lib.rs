//! The backend doors: the executor and its faces.
