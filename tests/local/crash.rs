//! `kill -9` of `up` and of `down` at random moments: the next `down`, or `gc`, leaves nothing and harms nobody else.
//!
//! `PINWIRE_CRASHES` sets the number of moments; 20 unless given.

use std::process::Child;
use std::thread;
use std::time::{Duration, Instant};

use crate::host::{Host, ip, manifest};

fn crashes() -> u32 {
    std::env::var("PINWIRE_CRASHES")
        .ok()
        .and_then(|number| number.parse().ok())
        .unwrap_or(20)
}

/// A host on which others have things already: a topology of Pinwire, and a network namespace and veth of somebody's.
fn inhabited() -> (Host, String) {
    let mut host = Host::new();
    ip("link add foreign-a type veth peer name foreign-b");
    let other = host.ok(&["generate", "ring", "--nodes", "3"]);
    let other = host.file("other.yaml", &other);
    host.ok(&["up", &other, "--name", "bystander"]);
    host.mark_clean();
    let manifest = manifest("chain");
    (host, manifest)
}

fn bystander_is_well(host: &Host) {
    host.reaches("bystander/r1", "10.64.0.1");
}

/// Moments from 0 to `span`, spread evenly with a jitter, so that each run looks at others.
fn moments(span: Duration) -> impl Iterator<Item = Duration> {
    let number = crashes();
    let seed = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap()
        .subsec_nanos();
    (0..number).map(move |index| {
        let jitter =
            f64::from(seed.wrapping_mul(index.wrapping_mul(2_654_435_761).wrapping_add(1)) >> 8)
                / f64::from(1 << 24);
        span.mul_f64((f64::from(index) + jitter.fract()) / f64::from(number))
    })
}

fn kill_after(mut child: Child, moment: Duration) {
    thread::sleep(moment);
    child.kill().expect("kill");
    child.wait().expect("wait");
}

fn timed(work: impl FnOnce()) -> Duration {
    let start = Instant::now();
    work();
    start.elapsed()
}

#[test]
fn an_up_that_is_killed_is_cleaned_up_by_down() {
    let (host, manifest) = inhabited();
    let span = timed(|| drop(host.ok(&["up", &manifest])));
    host.ok(&["down", "chain"]);
    host.assert_clean();
    for moment in moments(span) {
        eprintln!("kill -9 of up after {moment:?}");
        kill_after(host.start(&["up", &manifest]), moment);
        host.ok(&["down", "chain"]);
        host.assert_clean();
    }
    bystander_is_well(&host);
}

#[test]
fn an_up_that_is_killed_is_cleaned_up_by_gc() {
    let (host, manifest) = inhabited();
    let span = timed(|| drop(host.ok(&["up", &manifest])));
    host.ok(&["down", "chain"]);
    for moment in moments(span.mul_f64(0.9)) {
        eprintln!("kill -9 of up after {moment:?}");
        kill_after(host.start(&["up", &manifest]), moment);
        host.ok(&["gc"]);
        // One that was finished before it was killed is up, and none of gc's business.
        if host
            .json(&["list"])
            .as_array()
            .unwrap()
            .iter()
            .any(|line| line["name"] == "chain")
        {
            assert_eq!(
                host.json(&["probe", "chain", "--count", "100"])["received"],
                100
            );
            host.ok(&["down", "chain"]);
        }
        host.assert_clean();
    }
    bystander_is_well(&host);
}

#[test]
fn an_up_that_is_killed_is_followed_by_an_up() {
    let (host, manifest) = inhabited();
    let span = timed(|| drop(host.ok(&["up", &manifest])));
    host.ok(&["down", "chain"]);
    for moment in moments(span).step_by(4) {
        eprintln!("kill -9 of up after {moment:?}");
        kill_after(host.start(&["up", &manifest]), moment);
        host.ok(&["up", &manifest]);
        assert_eq!(
            host.json(&["probe", "chain", "--count", "100"])["received"],
            100
        );
        host.ok(&["down", "chain"]);
        host.assert_clean();
    }
    bystander_is_well(&host);
}

#[test]
fn a_down_that_is_killed_is_finished_by_down() {
    let (host, manifest) = inhabited();
    host.ok(&["up", &manifest]);
    let span = timed(|| drop(host.ok(&["down", "chain"])));
    for (index, moment) in moments(span).enumerate() {
        host.ok(&["up", &manifest]);
        eprintln!("kill -9 of down after {moment:?}");
        kill_after(host.start(&["down", "chain"]), moment);
        if index % 2 == 0 {
            host.ok(&["down", "--name", "chain"]);
        } else {
            host.ok(&["down", &manifest]);
        }
        host.assert_clean();
    }
    bystander_is_well(&host);
}

#[test]
fn a_terminated_up_undoes_itself() {
    let (host, manifest) = inhabited();
    let span = timed(|| drop(host.ok(&["up", &manifest])));
    host.ok(&["down", "chain"]);
    for fraction in [0.3, 0.6, 0.9] {
        let child = host.start(&["up", &manifest]);
        thread::sleep(span.mul_f64(fraction));
        let pid = nix::unistd::Pid::from_raw(i32::try_from(child.id()).unwrap());
        nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGTERM).unwrap();
        let output = child.wait_with_output().unwrap();
        if output.status.success() {
            host.ok(&["down", "chain"]);
        }
        host.assert_clean();
    }
    bystander_is_well(&host);
}
