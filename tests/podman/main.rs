//! Real podman: version 4 of Debian 12 with the CNI plugin, version 5 of Debian 13 with the netavark driver, on hosts of
//! their own. Nothing is pulled. They need root, the packages of `tests/packages test lab`, and Debian's archive once.

#![expect(
    clippy::unwrap_used,
    reason = "a test that finds something else than it expects ends"
)]

mod cni;
mod documentation;
mod host;
mod netavark;
