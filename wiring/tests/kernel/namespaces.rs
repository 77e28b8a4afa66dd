//! Network namespaces.

use std::fs::File;
use std::panic::{AssertUnwindSafe, catch_unwind};

use pinwire_support::inside::links;
use pinwire_support::sandbox::sandbox;
use pinwire_wiring::kernel::netns::{Netns, NetnsError};

#[test]
fn a_namespace_is_made_entered_left_and_removed() {
    sandbox(|sandbox| {
        let home = Netns::current().unwrap().id();
        let made = Netns::create(&sandbox.netns_path("a")).unwrap();
        assert_eq!(
            Netns::current().unwrap().id(),
            home,
            "back home after making one"
        );
        assert_ne!(made.id(), home);
        assert_eq!(
            Netns::open(&sandbox.netns_path("a")).unwrap().id(),
            made.id()
        );
        assert_eq!(links(&made), ["lo"]);
        assert_eq!(
            made.run(|| Netns::current().unwrap().id()).unwrap(),
            made.id()
        );
        assert_eq!(
            Netns::current().unwrap().id(),
            home,
            "back home after running inside"
        );
        sandbox.remove("a");
        assert!(!sandbox.netns_path("a").exists());
        sandbox.remove("a");
    });
}

#[test]
fn the_thread_comes_home_when_the_work_panics() {
    sandbox(|sandbox| {
        let home = Netns::current().unwrap().id();
        let made = sandbox.netns("a");
        let panic = catch_unwind(AssertUnwindSafe(|| made.run(|| panic!("on purpose"))));
        assert!(panic.is_err());
        assert_eq!(Netns::current().unwrap().id(), home);
        sandbox.remove("a");
    });
}

#[test]
fn work_inside_may_go_elsewhere_and_home() {
    sandbox(|sandbox| {
        let home = Netns::current().unwrap();
        let [one, other] = ["a", "b"].map(|node| sandbox.netns(node));
        let here = || Netns::current().unwrap().id();
        let seen = one.run(|| {
            let there = other.run(here).unwrap();
            let home = home.run(here).unwrap();
            let own = one.run(here).unwrap();
            [there, home, own, here()]
        });
        let expected = [other.id(), home.id(), one.id(), one.id()];
        assert_eq!(seen.unwrap(), expected);
        assert_eq!(here(), home.id());
    });
}

#[test]
fn what_is_no_namespace_is_refused_by_name() {
    sandbox(|sandbox| {
        let path = sandbox.netns_path("plain");
        assert!(matches!(Netns::open(&path), Err(NetnsError::Open { .. })));
        File::create(&path).unwrap();
        let error = Netns::open(&path).unwrap_err();
        assert!(matches!(error, NetnsError::NotANamespace { .. }));
        assert!(error.to_string().contains("plain"), "{error}");
        assert!(
            matches!(Netns::create(&path), Err(NetnsError::Make { .. })),
            "it exists"
        );
        // What create() leaves when it is killed between its two steps: a file with nothing mounted on it.
        sandbox.remove("plain");
        assert!(!path.exists());
    });
}
