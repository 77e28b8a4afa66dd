//! `kill -9` of `up` and `down`, at every step and at some moments: whoever comes next makes every virtual function what it was.

use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::host::{Host, host, manifest, said};

/// The most steps that a command may take here.
const STEPS: u32 = 400;

/// Runs a command that kills itself at a step; whether it got there.
pub(crate) fn killed(host: &Host<'_>, arguments: &[&str], step: u32) -> bool {
    let mut command = host.command(arguments);
    let (code, said) = said(command.env("PINWIRE_FAULT_STEP", step.to_string()));
    assert!(
        matches!(code, None | Some(0)),
        "{arguments:?}, step {step}: {said}"
    );
    code.is_none()
}

/// All steps of a command, one after the other, until it ends by itself. Fails if it has hardly any.
fn at_every_step(mut kill: impl FnMut(u32) -> bool) {
    let steps = (1..STEPS).take_while(|step| kill(*step)).count();
    eprintln!("{steps} steps");
    assert!((20..STEPS as usize - 1).contains(&steps), "{steps} steps");
}

fn is_clean(host: &Host<'_>, what: &str) {
    host.machine.assert_restored(what);
    assert_eq!(host.machine.state_files(), [""; 0].map(Path::new), "{what}");
}

#[test]
fn an_up_that_is_killed_at_any_step_leaves_nothing() {
    host(|host| {
        let pair = host.path("pair.yaml");
        let up = ["up", &pair[..], "--nodes", "namespace"];
        at_every_step(|step| {
            let killed = killed(host, &up, step);
            match step % 3 {
                _ if !killed => drop(host.ok(&["down", "pair"])),
                0 => drop(host.ok(&["gc"])),
                1 => drop(host.ok(&["down", "pair"])),
                _ => {
                    host.ok(&up);
                    host.ok(&["down", "pair"]);
                }
            }
            is_clean(host, &format!("up, killed at step {step}"));
            killed
        });
    });
}

#[test]
fn a_down_that_is_killed_at_any_step_is_finished_by_another() {
    host(|host| {
        let pair = host.path("pair.yaml");
        at_every_step(|step| {
            host.ok(&["up", &pair, "--nodes", "namespace"]);
            let killed = killed(host, &["down", "pair"], step);
            host.ok(&["down", "--name", "pair"]);
            is_clean(host, &format!("down, killed at step {step}"));
            killed
        });
    });
}

#[test]
fn a_chain_that_is_killed_is_collected() {
    host(|host| {
        let chain = manifest("chain");
        let up = ["up", &chain[..], "--links", "vf"];
        let start = Instant::now();
        host.ok(&up);
        let span = start.elapsed();
        host.ok(&["down", "chain"]);
        for moment in [0.3, 0.5, 0.7, 0.9] {
            let mut child = host.command(&up).spawn().unwrap();
            sleep(span.mul_f64(moment).max(Duration::from_millis(100)));
            child.kill().unwrap();
            child.wait().unwrap();
            host.ok(&["gc"]);
            // One that was finished before it was killed is up, and none of gc's business.
            host.ok(&["down", "chain"]);
            host.machine
                .assert_restored(&format!("up, killed at {moment} of its time"));
        }
    });
}
