//! The store as a whole: archives made by hand and by other programs, in stores below temporary directories. They need
//! root, for owners, devices and trusted attributes.

mod archives;
mod fixture;
mod hostile;
mod names;
mod node_image;
mod refused;
mod store;
mod tools;
mod tree;
