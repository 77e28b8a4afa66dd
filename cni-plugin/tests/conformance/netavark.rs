//! The netavark driver: netavark's plugin API 1.0.0, from `create` to a container that is gone.

mod call;
mod containers;
mod create;
mod documentation;
mod faults;
mod recovery;
mod table;
