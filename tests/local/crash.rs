//! `kill -9` of `up` and of `down` at random moments: the next `down`, or `gc`, leaves nothing and harms nobody else.
//!
//! `PINWIRE_CRASHES` sets the number of moments; 20 unless given.

use std::thread;
use std::time::{Duration, Instant};

use pinwire_support::command::run;

use crate::host::{Host, manifest, said};

fn crashes() -> u32 {
    std::env::var("PINWIRE_CRASHES")
        .ok()
        .and_then(|number| number.parse().ok())
        .unwrap_or(20)
}

/// A host on which others have things already: a topology of Pinwire, and a network namespace and veth of somebody's.
fn inhabited() -> (Host, String) {
    let mut host = Host::new();
    run("ip link add foreign-a type veth peer name foreign-b");
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

fn packets_cross(host: &Host) {
    let outcome = host.json(&["probe", "chain", "--count", "100"]);
    assert_eq!(outcome["received"], 100, "{outcome}");
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

/// Kills a command after a moment. Whether that interrupted it, and left something.
fn kill_after(host: &Host, arguments: &[&str], moment: Duration) -> bool {
    eprintln!("kill -9 of {arguments:?} after {moment:?}");
    let mut child = host.start(arguments);
    thread::sleep(moment);
    child.kill().expect("kill");
    let killed = child.wait().expect("wait").code().is_none();
    killed && host.is_dirty()
}

/// Runs a round for each moment in which a command is killed. Fails unless a tenth of them interrupted it: a test in which
/// every command had ended before would prove nothing.
fn kill_at(moments: impl Iterator<Item = Duration>, mut round: impl FnMut(Duration) -> bool) {
    let (interrupted, ended): (Vec<_>, Vec<_>) = moments.partition(|moment| round(*moment));
    let rounds = interrupted.len() + ended.len();
    eprintln!("{} of {rounds} were interrupted", interrupted.len());
    assert!(interrupted.len() >= (rounds / 10).max(1), "{ended:?}");
}

/// How long `up` and `down` take, once what they read is in memory.
fn spans(host: &Host, manifest: &str) -> [Duration; 2] {
    let timed = |arguments: &[&str]| {
        let start = Instant::now();
        host.ok(arguments);
        start.elapsed()
    };
    let both = || [timed(&["up", manifest]), timed(&["down", "chain"])];
    both();
    both()
}

#[test]
fn an_up_that_is_killed_is_cleaned_up_by_down() {
    let (host, manifest) = inhabited();
    let [span, _] = spans(&host, &manifest);
    kill_at(moments(span), |moment| {
        let interrupted = kill_after(&host, &["up", &manifest], moment);
        host.ok(&["down", "chain"]);
        host.assert_clean();
        interrupted
    });
    bystander_is_well(&host);
}

#[test]
fn an_up_that_is_killed_is_cleaned_up_by_gc() {
    let (host, manifest) = inhabited();
    let [span, _] = spans(&host, &manifest);
    kill_at(moments(span.mul_f64(0.9)), |moment| {
        let interrupted = kill_after(&host, &["up", &manifest], moment);
        host.ok(&["gc"]);
        // One that was finished before it was killed is up, and none of gc's business.
        let list = host.json(&["list"]);
        let mut topologies = list.as_array().unwrap().iter();
        if topologies.any(|line| line["name"] == "chain") {
            packets_cross(&host);
            host.ok(&["down", "chain"]);
        }
        host.assert_clean();
        interrupted
    });
    bystander_is_well(&host);
}

#[test]
fn an_up_that_is_killed_is_followed_by_an_up() {
    let (host, manifest) = inhabited();
    let [span, _] = spans(&host, &manifest);
    kill_at(moments(span).step_by(4), |moment| {
        let interrupted = kill_after(&host, &["up", &manifest], moment);
        host.ok(&["up", &manifest]);
        packets_cross(&host);
        host.ok(&["down", "chain"]);
        host.assert_clean();
        interrupted
    });
    bystander_is_well(&host);
}

#[test]
fn a_down_that_is_killed_is_finished_by_down() {
    let (host, manifest) = inhabited();
    let [_, span] = spans(&host, &manifest);
    let ways = [vec!["down", "--name", "chain"], vec!["down", &manifest]];
    let mut ways = ways.iter().cycle();
    kill_at(moments(span), |moment| {
        host.ok(&["up", &manifest]);
        let interrupted = kill_after(&host, &["down", "chain"], moment);
        host.ok(ways.next().unwrap());
        host.assert_clean();
        interrupted
    });
    bystander_is_well(&host);
}

#[test]
fn a_terminated_up_undoes_itself() {
    let (host, manifest) = inhabited();
    let [span, _] = spans(&host, &manifest);
    let mut undone = 0;
    for fraction in [0.15, 0.3, 0.6, 0.9] {
        let child = host.start(&["up", &manifest]);
        thread::sleep(span.mul_f64(fraction));
        let pid = nix::unistd::Pid::from_raw(i32::try_from(child.id()).unwrap());
        nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGTERM).unwrap();
        let output = said(&child.wait_with_output().unwrap());
        if output.code == 0 {
            host.ok(&["down", "chain"]);
        }
        undone += u32::from(output.stderr.contains("interrupted"));
        host.assert_clean();
    }
    assert!(undone > 0, "each had ended before");
    bystander_is_well(&host);
}
