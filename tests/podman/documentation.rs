//! The commands of docs/podman.md do what it says.
//!
//! A fenced block `sh podman-4` or `sh podman-5` is run as a script on a host with that podman, one after the other on the
//! same one; a block `text output` after it is what it prints. At the end of the document nothing is left.

use crate::host::Host;

const DOCUMENT: &str = include_str!("../../docs/podman.md");

/// The fenced blocks with an information string of two words: the second word, and the text.
fn blocks() -> Vec<(&'static str, String)> {
    let mut blocks = Vec::new();
    let mut lines = DOCUMENT.lines();
    while let Some(line) = lines.next() {
        if let Some((_, kind)) = line
            .strip_prefix("```")
            .and_then(|fence| fence.split_once(' '))
        {
            let text: Vec<&str> = lines.by_ref().take_while(|line| *line != "```").collect();
            blocks.push((kind, text.join("\n")));
        }
    }
    blocks
}

fn run(host: &Host, podman: &str) {
    let mut scripts = 0;
    let blocks = blocks();
    for (position, (kind, script)) in blocks.iter().enumerate() {
        if *kind != podman {
            continue;
        }
        let output = host.ok(script);
        // ip(8) of busybox ends lines with a space.
        let lines: Vec<&str> = output.lines().map(str::trim_end).collect();
        if let Some(("output", expected)) = blocks.get(position + 1) {
            assert_eq!(lines.join("\n"), *expected, "{script}");
        }
        scripts += 1;
    }
    assert!(scripts >= 2, "only {scripts} scripts");
    host.assert_clean();
}

#[test]
fn podman_4() {
    let Some(host) = Host::podman_4() else { return };
    run(&host, "podman-4");
}

#[test]
fn podman_5() {
    let Some(host) = Host::podman_5() else { return };
    run(&host, "podman-5");
}
