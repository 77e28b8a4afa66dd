//! The fuzz target of the CNI plugin: environment and standard input, on a host that is thrown away.
#![no_main]

use std::fs;
use std::path::{Path, PathBuf};

use libfuzzer_sys::fuzz_target;
use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};
use pinwire_wiring::kernel::netns::Netns;

mod call;

thread_local! {
    static HOST: call::Host = host();
}

fuzz_target!(|input: &[u8]| HOST.with(|host| call::call(host, input)));

/// Network and mounts of the fuzzer's own. It is root, and an input may name any path: all but the working directory,
/// which the fuzzer keeps inputs in, and two directories of its own is read-only.
fn host() -> call::Host {
    let none = None::<&str>;
    unshare(CloneFlags::CLONE_NEWNS | CloneFlags::CLONE_NEWNET).expect("namespaces: run as root");
    let private = MsFlags::MS_REC | MsFlags::MS_PRIVATE;
    mount(none, "/", none, private, none).expect("private mounts");
    let kept = std::env::current_dir().expect("a working directory");
    mount(Some(&kept), &kept, none, MsFlags::MS_BIND, none).expect("a mount of its own");
    let read_only = MsFlags::MS_REMOUNT | MsFlags::MS_BIND | MsFlags::MS_RDONLY;
    mount(none, "/", none, read_only, none).expect("a read-only root");
    for path in ["/run", "/tmp"] {
        mount(Some("tmpfs"), path, Some("tmpfs"), MsFlags::empty(), none).expect("a tmpfs");
    }
    fs::create_dir("/run/bin").expect("a directory");
    for plugin in ["host-local", "static"] {
        let from = Path::new("/usr/lib/cni").join(plugin);
        fs::copy(from, Path::new("/run/bin").join(plugin)).expect("containernetworking-plugins");
    }
    let netns = PathBuf::from("/run/container");
    call::Host {
        container: (Netns::create(&netns).expect("a namespace"), netns),
        state: PathBuf::from("/run/state"),
        path: "/run/bin".to_owned(),
    }
}
