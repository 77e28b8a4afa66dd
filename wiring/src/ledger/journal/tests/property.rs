//! Whoever uses what, in whatever order, is killed at whatever step, or dies: originals are written down once, and are back
//! in the end.

use std::fs;

use proptest::collection::vec;
use proptest::prelude::*;

use super::killed::killed_at;
use super::{Tree, VECTORS, name, thing};

const USERS: usize = 5;
/// More than any call has.
const STEPS: u32 = 14;
const VALUES: [&str; 4] = ["0", "1-2", "3", "0-3"];

#[derive(Clone, Debug)]
enum Act {
    Use {
        user: usize,
        value: &'static str,
    },
    Release {
        user: usize,
    },
    Tidy,
    Die {
        user: usize,
    },
    /// An administrator moves a vector that nobody uses.
    Move {
        value: &'static str,
    },
}

/// What is done, to which thing, and the step at which it is killed, if it is.
type Step = (Act, usize, Option<u32>);

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let value = prop::sample::select(VALUES.as_slice());
    let act = prop_oneof![
        5 => (0..USERS, value.clone()).prop_map(|(user, value)| Act::Use { user, value }),
        4 => (0..USERS).prop_map(|user| Act::Release { user }),
        1 => Just(Act::Tidy),
        1 => (0..USERS).prop_map(|user| Act::Die { user }),
        1 => value.prop_map(|value| Act::Move { value }),
    ];
    let killed = prop::option::weighted(0.5, 1..=STEPS);
    vec((act, 0..VECTORS.len(), killed), 1..16)
}

/// The tree, and what its things are when nobody uses them.
struct Model {
    tree: Tree,
    originals: [String; VECTORS.len()],
}

impl Model {
    fn new() -> Self {
        Self {
            tree: Tree::new(),
            originals: VECTORS.map(|(_, original)| original.to_owned()),
        }
    }

    fn act(&mut self, (act, number, killed): &Step) {
        let tree = &self.tree;
        let journal = tree.journal();
        let subject = thing(*number);
        match act {
            Act::Use { user, value } => {
                let user = tree.user(*user, value);
                let done = perform(*killed, || {
                    assert!(journal.use_thing(subject, user).unwrap());
                });
                assert!(!done || tree.value(subject) == *value);
            }
            Act::Release { user } => {
                perform(*killed, || journal.release(subject, &name(*user)).unwrap());
            }
            Act::Tidy => {
                perform(*killed, || assert!(journal.tidy().is_empty()));
            }
            Act::Die { user } => tree.die(*user),
            Act::Move { value } => {
                if tree.entry(subject).is_none() {
                    fs::write(tree.affinity(subject), value).unwrap();
                    self.originals[*number] = (*value).to_owned();
                }
            }
        }
    }

    /// What holds after each call, killed or not.
    fn check(&self) {
        for (number, original) in self.originals.iter().enumerate() {
            let subject = thing(number);
            match self.tree.entry(subject) {
                Some(entry) => {
                    assert_eq!(entry.original, *original);
                    assert!(!entry.users.is_empty());
                }
                None => assert_eq!(self.tree.value(subject), *original),
            }
        }
    }

    fn check_end(&self) {
        for (number, original) in self.originals.iter().enumerate() {
            assert_eq!(self.tree.value(thing(number)), *original);
        }
        assert_eq!(self.tree.files(), [""; 0].map(std::path::PathBuf::from));
    }
}

/// Whether it was done, and not killed.
fn perform(killed: Option<u32>, work: impl FnOnce()) -> bool {
    match killed {
        Some(step) => !killed_at(step, work),
        None => {
            work();
            true
        }
    }
}

proptest! {
    #[test]
    fn the_original_is_back_in_the_end(
        steps in steps(),
        order in Just((0..USERS).collect::<Vec<_>>()).prop_shuffle(),
        ends in vec(any::<bool>(), USERS),
    ) {
        let mut model = Model::new();
        for step in &steps {
            model.act(step);
            model.check();
        }
        // Each user leaves in order, or dies without a word.
        for user in order {
            if ends[user] {
                model.tree.die(user);
                continue;
            }
            for number in 0..VECTORS.len() {
                model.act(&(Act::Release { user }, number, None));
                model.check();
            }
        }
        if ends.contains(&true) {
            prop_assert!(model.tree.journal().tidy().is_empty());
        }
        model.check_end();
    }
}
