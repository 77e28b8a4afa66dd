//! Each rule of the journal by itself.

use std::fs;
use std::thread;

use super::killed::killed_at;
use super::{Tree, name, page, thing};
use crate::ledger::JournalError;

#[test]
fn the_second_user_does_not_save_the_value_of_the_first() {
    let tree = Tree::new();
    let (journal, subject) = (tree.journal(), thing(0));
    for order in [[1, 2], [2, 1]] {
        assert!(journal.use_thing(subject, tree.user(1, "1")).unwrap());
        assert!(journal.use_thing(subject, tree.user(2, "3,2")).unwrap());
        assert_eq!(tree.value(subject), "2-3");
        let entry = tree.entry(subject).unwrap();
        assert_eq!((entry.original.as_str(), entry.users.len()), ("0-3", 2));
        let [first, last] = order;
        journal.release(subject, &name(first)).unwrap();
        let left = ["", "1", "2-3"][last];
        assert_eq!(tree.value(subject), left, "{order:?}");
        journal.release(subject, &name(last)).unwrap();
        assert_eq!(tree.value(subject), "0-3", "{order:?}");
        assert!(tree.files().is_empty());
    }
}

#[test]
fn the_same_user_replaces_its_value() {
    let tree = Tree::new();
    let (journal, subject) = (tree.journal(), thing(1));
    for (user, value) in [(1, "1"), (2, "3"), (1, "0")] {
        assert!(journal.use_thing(subject, tree.user(user, value)).unwrap());
        assert_eq!(tree.value(subject), value);
    }
    let users = tree.entry(subject).unwrap().users;
    let names: Vec<_> = users.into_iter().map(|user| user.name).collect();
    assert_eq!(names, [name(2), name(1)]);
    journal.release(subject, &name(1)).unwrap();
    assert_eq!(tree.value(subject), "3");
    // Who is not there can leave.
    journal.release(subject, &name(1)).unwrap();
    journal.release(thing(0), &name(1)).unwrap();
    journal.release(subject, &name(2)).unwrap();
    assert_eq!(tree.value(subject), "2");
    assert!(tree.files().is_empty());
}

#[test]
fn the_dead_leave_when_anybody_comes() {
    let tree = Tree::new();
    let (journal, subject) = (tree.journal(), thing(0));
    journal.use_thing(subject, tree.user(1, "1")).unwrap();
    tree.die(1);
    journal.use_thing(subject, tree.user(2, "2")).unwrap();
    assert_eq!(tree.entry(subject).unwrap().users.len(), 1);
    journal.use_thing(subject, tree.user(3, "3")).unwrap();
    tree.die(3);
    journal.release(subject, &name(4)).unwrap();
    assert_eq!(tree.value(subject), "2");
    tree.die(2);
    assert!(journal.tidy().is_empty());
    assert_eq!(tree.value(subject), "0-3");
    assert!(tree.files().is_empty());
}

#[test]
fn a_vector_of_somebody_else_is_left_alone() {
    let tree = Tree::new();
    let (journal, subject) = (tree.journal(), thing(0));
    journal.use_thing(subject, tree.user(1, "1")).unwrap();
    journal.use_thing(subject, tree.user(2, "2")).unwrap();
    fs::remove_file(tree.path("bus/pci/devices/0000:01:10.0/msi_irqs/30")).unwrap();
    journal.release(subject, &name(2)).unwrap();
    assert_eq!(tree.value(subject), "2");
    assert!(!journal.use_thing(subject, tree.user(2, "3")).unwrap());
    assert_eq!(tree.value(subject), "2");
    assert!(tree.files().is_empty());
    // The number is gone altogether.
    journal.use_thing(thing(1), tree.user(1, "1")).unwrap();
    fs::remove_file(tree.affinity(thing(1))).unwrap();
    journal.release(thing(1), &name(1)).unwrap();
    assert!(tree.files().is_empty() && !tree.affinity(thing(1)).exists());
}

#[test]
fn cpus_that_went_offline_are_not_asked_for() {
    let tree = Tree::new();
    let (journal, subject) = (tree.journal(), thing(1));
    journal.use_thing(subject, tree.user(1, "1")).unwrap();
    journal.use_thing(subject, tree.user(2, "3")).unwrap();
    tree.put("devices/system/cpu/online", "0,3\n");
    journal.release(subject, &name(2)).unwrap();
    assert_eq!(tree.value(subject), "3");
    journal.release(subject, &name(1)).unwrap();
    assert_eq!(tree.value(subject), "3");
    assert!(tree.files().is_empty());
    // Where some of them are left, the kernel takes the list.
    journal.use_thing(thing(0), tree.user(1, "3")).unwrap();
    journal.release(thing(0), &name(1)).unwrap();
    assert_eq!(tree.value(thing(0)), "0-3");
}

#[test]
fn what_cannot_be_is_no_entry() {
    let tree = Tree::new();
    let journal = tree.journal();
    let error = journal.use_thing(thing(0), tree.user(1, "all"));
    let error = error.unwrap_err().to_string();
    let message = "interrupt 30 of 0000:01:10.0 cannot have the value `all`";
    assert!(error.starts_with(message), "{error}");
    fs::write(tree.affinity(thing(0)), "some\n").unwrap();
    let error = journal.use_thing(thing(0), tree.user(1, "1")).unwrap_err();
    assert!(matches!(error, JournalError::Interrupt(_)), "{error}");
    assert!(tree.files().is_empty());
}

#[test]
fn a_damaged_entry_is_named_and_kept() {
    let tree = Tree::new();
    let (journal, subject) = (tree.journal(), thing(0));
    for number in [0, 1] {
        journal.use_thing(thing(number), tree.user(1, "1")).unwrap();
    }
    tree.die(1);
    let path = format!("state/host/{}", subject.key());
    tree.put(&path, "{\"original\": ");
    tree.put("state/host/governor-1", "");
    let named = |error: JournalError| error.to_string();
    let errors: Vec<_> = journal.tidy().into_iter().map(named).collect();
    let unknown = tree.path("state/host/governor-1");
    let damaged = format!("{} is damaged", tree.path(&path).display());
    assert_eq!(
        errors,
        [
            format!(
                "{} is of no thing that this version knows",
                unknown.display()
            ),
            damaged.clone()
        ]
    );
    let used = journal.use_thing(subject, tree.user(2, "2"));
    assert_eq!(named(used.unwrap_err()), damaged);
    let released = journal.release(subject, &name(1));
    assert_eq!(named(released.unwrap_err()), damaged);
    assert_eq!(tree.value(subject), "1");
    // The others are not kept by it.
    assert_eq!(tree.value(thing(1)), "2");
    assert!(tree.path(&path).exists());
}

#[test]
fn what_a_kill_leaves_is_found_by_its_thing() {
    let tree = Tree::new();
    let journal = tree.journal();
    let user = tree.user(1, "1");
    // While the first entry is being written: there is a lock and an unfinished file.
    assert!(killed_at(2, || drop(journal.use_thing(thing(0), user))));
    assert_eq!(tree.files().len(), 2);
    assert_eq!(page::list(&tree.state).unwrap().0, [thing(0)]);
    assert!(journal.tidy().is_empty());
    assert!(tree.files().is_empty());
}

#[test]
fn users_at_once_leave_the_original() {
    let tree = Tree::new();
    thread::scope(|scope| {
        for number in 0..4 {
            let tree = &tree;
            scope.spawn(move || {
                let journal = tree.journal();
                for _ in 0..50 {
                    let user = tree.user(number, &number.to_string());
                    journal.use_thing(thing(0), user).unwrap();
                    journal.release(thing(0), &name(number)).unwrap();
                    assert!(number > 0 || journal.tidy().is_empty());
                }
            });
        }
    });
    assert_eq!(tree.value(thing(0)), "0-3");
    assert!(tree.files().is_empty());
}

/// Kills a call at each of its steps, on a host that is as `before` makes it; whoever comes next finds the way back.
fn killed_at_every_step(before: impl Fn(&Tree), call: impl Fn(&Tree), steps: u32) {
    for ending in ["the others leave", "another one comes", "all die"] {
        let (mut step, mut killed) = (0, true);
        while killed {
            step += 1;
            let tree = Tree::new();
            before(&tree);
            killed = killed_at(step, || call(&tree));
            let journal = tree.journal();
            if ending == "another one comes" {
                assert!(journal.use_thing(thing(0), tree.user(3, "3")).unwrap());
                assert_eq!(tree.value(thing(0)), "3");
            }
            match ending {
                "all die" => [1, 2].map(|user| tree.die(user)),
                _ => [1, 2].map(|user| journal.release(thing(0), &name(user)).unwrap()),
            };
            if ending == "another one comes" {
                assert_eq!(tree.value(thing(0)), "3");
                journal.release(thing(0), &name(3)).unwrap();
            }
            assert!(journal.tidy().is_empty());
            let what = format!("killed at step {step}, then {ending}");
            assert_eq!(tree.value(thing(0)), "0-3", "{what}");
            assert!(tree.files().is_empty(), "{what}");
        }
        assert!(step > steps, "only {step} steps");
    }
}

fn use_it(tree: &Tree, user: usize) {
    let user = tree.user(user, &user.to_string());
    assert!(tree.journal().use_thing(thing(0), user).unwrap());
}

#[test]
fn the_first_user_is_killed_at_every_step() {
    killed_at_every_step(|_| {}, |tree| use_it(tree, 1), 4);
}

#[test]
fn the_second_user_is_killed_at_every_step() {
    killed_at_every_step(|tree| use_it(tree, 1), |tree| use_it(tree, 2), 4);
}

#[test]
fn whoever_leaves_is_killed_at_every_step() {
    for leaves in [1, 2] {
        let both = |tree: &Tree| [1, 2].into_iter().for_each(|user| use_it(tree, user));
        let leave = |tree: &Tree| tree.journal().release(thing(0), &name(leaves)).unwrap();
        killed_at_every_step(both, leave, 4);
        killed_at_every_step(|tree| use_it(tree, leaves), leave, 3);
    }
}

#[test]
fn a_collection_is_killed_at_every_step() {
    let dead = |tree: &Tree| {
        use_it(tree, 1);
        use_it(tree, 2);
        tree.die(1);
        tree.die(2);
    };
    let tidy = |tree: &Tree| assert!(tree.journal().tidy().is_empty());
    killed_at_every_step(dead, tidy, 3);
}
