//! README.md's commands for network cards, in order, as a newcomer types them.

use std::fs;

use pinwire_support::command::run;

use crate::host::{host, manifest};

/// The text of the blocks that start with a line.
fn blocks<'a>(text: &'a str, start: &str) -> Vec<&'a str> {
    let blocks = text.split("\n```").skip(1).step_by(2);
    blocks
        .filter_map(|block| block.strip_prefix(start)?.strip_prefix('\n'))
        .collect()
}

#[test]
fn what_the_readme_shows_works() {
    let path = format!("{}/../README.md", env!("CARGO_MANIFEST_DIR"));
    let text = fs::read_to_string(path).unwrap();
    let pools = *blocks(&text, "yaml").last().unwrap();
    let [shown] = blocks(&text, "console sr-iov")[..] else {
        panic!("README.md shows no commands for network cards");
    };
    host(|host| {
        fs::write(host.machine.path("pools.yaml"), pools).unwrap();
        for physical in &host.machine.physical {
            host.ok(&["vf", "free", physical]);
        }
        let mut commands = 0;
        for command in shown
            .lines()
            .filter_map(|line| line.strip_prefix("$ pinwire "))
        {
            let chain = manifest("chain");
            let words = command.split_whitespace();
            let words = words.map(|word| match word {
                "manifests/chain.yaml" => &chain,
                word => word,
            });
            host.ok(&words.collect::<Vec<_>>());
            run("udevadm settle");
            commands += 1;
        }
        assert!(commands > 5, "README.md shows {commands} commands");
        host.machine.renew();
    });
}
