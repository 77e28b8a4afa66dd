//! The examples of docs/cni.md do what it says.
//!
//! A fenced block `json configuration` is the configuration of an ADD, `json result` or `json error` after it what that
//! prints, `text arguments` in between the `CNI_ARGS`. The container is `web`, in `/run/netns/web`.

use serde_json::Value;

use crate::call::cni;
use crate::lab::{Lab, lab};

const DOCUMENT: &str = include_str!("../../../docs/cni.md");

/// The fenced blocks with an information string of two words, but for commands: the second word, and the text.
pub(crate) fn blocks(document: &'static str) -> Vec<(&'static str, String)> {
    let mut blocks = Vec::new();
    let mut lines = document.lines();
    while let Some(line) = lines.next() {
        if let Some((_, kind)) = line
            .strip_prefix("```")
            .and_then(|fence| fence.split_once(' '))
            .filter(|(language, _)| *language != "console")
        {
            let text: Vec<&str> = lines.by_ref().take_while(|line| *line != "```").collect();
            blocks.push((kind, text.join("\n")));
        }
    }
    blocks
}

fn read(lab: &Lab<'_>, text: &str) -> Value {
    let netns = lab.netns_path("web").display().to_string();
    let leases = lab.path("leases").display().to_string();
    let text = text
        .replace("/run/netns/web", &netns)
        .replace("/run/cni-leases", &leases);
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

#[test]
fn examples() {
    lab(|lab| {
        lab.netns("web");
        let (mut configuration, mut arguments) = (Value::Null, String::new());
        let mut run = 0;
        for (kind, text) in blocks(DOCUMENT) {
            match kind {
                "configuration" => {
                    configuration = read(lab, &text);
                    arguments.clear();
                    continue;
                }
                "arguments" => {
                    arguments = text;
                    continue;
                }
                _ => {}
            }
            let add = cni(lab, "ADD", "web", &configuration).set("CNI_ARGS", &arguments);
            let reply = add.run();
            match kind {
                "result" => assert_eq!((reply.code, reply.value()), (Some(0), read(lab, &text))),
                "error" => assert_eq!(reply.error(), read(lab, &text)),
                other => panic!("no such kind of example: {other}"),
            }
            add.set("CNI_COMMAND", "DEL").ok();
            run += 1;
        }
        assert!(run >= 6, "only {run} examples");
    });
}

#[test]
fn every_key_and_code_is_documented() {
    for key in [
        "mac",
        "mtu",
        "ips",
        "ipMasq",
        "ipam",
        "deviceID",
        "vf",
        "pools",
        "strict",
        "dns",
        "stateDir",
        "logFile",
        "logLevel",
        "runtimeConfig",
        "args",
        "capabilities",
        "prevResult",
        "cni.dev/valid-attachments",
        "cniVersion",
        "name",
        "type",
        "io.kubernetes.cri.pod-annotations",
        "K8S_POD_NAME",
        "MAC",
        "IP",
        "MTU",
        "PINWIRE_CNI_STATE",
    ] {
        assert!(DOCUMENT.contains(&format!("| `{key}` |")), "{key}");
    }
    for code in [
        1, 2, 3, 4, 5, 6, 7, 11, 50, 51, 100, 101, 102, 103, 104, 105, 106, 107, 108, 109,
    ] {
        assert!(DOCUMENT.contains(&format!("| {code} |")), "{code}");
    }
}
