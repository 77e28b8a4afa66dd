//! SIGKILL at every step of setup and teardown: whatever comes next, nothing is left of the container, and nothing of its
//! neighbour is touched.

use nix::libc::SIGKILL;
use pinwire_cni::plugin::gc;
use pinwire_wiring::ledger::State;
use serde_json::json;

use super::call::{driver_for, exec, network, with};
use super::recovery::let_a_minute_pass;
use crate::lab::{Lab, lab};

/// The variable that names the step.
const STEP: &str = "PINWIRE_FAULT_STEP";

/// What comes after the kill.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Remedy {
    Teardown,
    TeardownWithoutNamespace,
    /// The call that was killed, once more, and then a teardown.
    Again,
    /// The namespace goes, nobody calls the driver, and another container is attached.
    SetupOfAnother,
    /// The namespace goes, nobody calls the driver, and `pinwire gc` is run.
    Sweep,
}

const REMEDIES: [Remedy; 5] = [
    Remedy::Teardown,
    Remedy::TeardownWithoutNamespace,
    Remedy::Again,
    Remedy::SetupOfAnother,
    Remedy::Sweep,
];

/// Kills `verb` at each step in turn, and has each remedy bring back what was before. The number of steps.
fn kill_everywhere(lab: &Lab<'_>, verb: &str, input: &serde_json::Value) -> u32 {
    let with = |verb: &str| driver_for(lab, verb, "c", input);
    // What a teardown leaves on purpose, such as the loopback interface up, is there before.
    with("setup").ok();
    with("teardown").ok();
    let before = lab.snapshot();
    for step in 1.. {
        for remedy in REMEDIES {
            if verb == "teardown" {
                with("setup").ok();
            }
            let reply = with(verb).set(STEP, &step.to_string()).run();
            if reply.signal != Some(SIGKILL) {
                assert_eq!(reply.code, Some(0), "{reply:?}");
                with("teardown").ok();
                return step - 1;
            }
            match remedy {
                Remedy::Teardown => drop(with("teardown").ok()),
                Remedy::TeardownWithoutNamespace => {
                    drop(with("teardown").arguments(&["teardown", "/gone"]).ok());
                }
                Remedy::Again => {
                    let reply = with(verb).run();
                    let exists = || reply.message().contains("exists already");
                    assert!(reply.code == Some(0) || exists(), "{reply:?}");
                    with("teardown").ok();
                }
                Remedy::SetupOfAnother | Remedy::Sweep => abandon(lab, remedy, input),
            }
            lab.assert_same(&before, &format!("step {step} of {verb}, {remedy:?}"));
        }
    }
    0
}

/// The container's namespace goes, and nobody calls the driver for it.
fn abandon(lab: &Lab<'_>, remedy: Remedy, input: &serde_json::Value) {
    lab.remove("c");
    let_a_minute_pass(lab);
    if remedy == Remedy::Sweep {
        let errors = gc::sweep(&State::at(lab.state()));
        assert!(errors.is_empty(), "{errors:?}");
    } else {
        lab.netns("another");
        let another = exec("another", &input["network"], 9);
        driver_for(lab, "setup", "another", &another).ok();
        driver_for(lab, "teardown", "another", &another).ok();
        lab.remove("another");
    }
    lab.netns("c");
}

#[test]
fn a_container() {
    lab(|lab| {
        let network = with(network("net", 1), "options", json!({"masquerade": "true"}));
        // A container of the same network that nothing may happen to.
        lab.netns("other");
        let other = exec("other", &network, 5);
        driver_for(lab, "setup", "other", &other).ok();
        lab.netns("c");
        let input = exec("c", &network, 2);
        let steps = kill_everywhere(lab, "setup", &input);
        assert!(steps >= 9, "only {steps} steps");
        let steps = kill_everywhere(lab, "teardown", &input);
        assert!(steps >= 3, "only {steps} steps");
        driver_for(lab, "teardown", "other", &other).ok();
    });
}
