//! The commands around `up`: exec, logs, inspect, list, graph, images, completion.

use std::fs;
use std::io::Write;
use std::process::{Command, Stdio};

use pinwire_wiring::kernel::netns::Netns;

use crate::host::{Host, PINWIRE, manifest, said};

fn two_nodes() -> String {
    manifest("two-nodes")
}

#[test]
fn exec_passes_exit_codes_arguments_and_standard_streams() {
    let host = Host::new();
    host.ok(&["up", &two_nodes()]);
    let run = |arguments: &[&str]| host.run(&[&["exec", "client", "--"], arguments].concat());
    assert_eq!(run(&["true"]).code, 0);
    assert_eq!(run(&["sh", "-c", "exit 42"]).code, 42);
    assert_eq!(run(&["sh", "-c", "kill -TERM $$"]).code, 128 + 15);
    assert_eq!(run(&["/no/such/program"]).code, 125);
    assert_eq!(run(&["echo", "a b", "", "$HOME"]).stdout, "a b  $HOME\n");
    assert_eq!(run(&["sh", "-c", "echo out; echo err >&2"]).stderr, "err\n");
    assert_eq!(run(&["hostname"]).stdout, "client\n");
    let mut cat = host
        .command(&["exec", "-i", "client", "--", "cat"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    cat.stdin.take().unwrap().write_all(b"through\n").unwrap();
    assert_eq!(said(&cat.wait_with_output().unwrap()).stdout, "through\n");
    let similar = host.fails(4, &["exec", "clint", "--", "true"]);
    assert!(similar.contains("did you mean `client`"), "{similar}");
    host.fails(4, &["exec", "-c", "other", "client", "--", "true"]);
    host.ok(&["down", "two-nodes"]);
    host.assert_clean();
}

#[test]
fn exec_gives_a_terminal() {
    let host = Host::new();
    host.ok(&["up", &two_nodes()]);
    // script(1) is the terminal that `exec -t` finds.
    let exec = format!(
        "{} exec -it client -- sh -c 'tty; test -t 0 && echo terminal; exit 7'",
        crate::host::PINWIRE
    );
    let output = Command::new("script")
        .args(["--quiet", "--return", "--command", &exec, "/dev/null"])
        .env("PINWIRE_STATE_DIR", host.path("state"))
        .env("PINWIRE_DATA_DIR", host.path("data"))
        .stdin(Stdio::null())
        .output()
        .expect("script(1) of util-linux");
    let said = said(&output);
    assert_eq!(said.code, 7, "{}{}", said.stdout, said.stderr);
    assert!(
        said.stdout.contains("/dev/pts/") && said.stdout.contains("terminal"),
        "{}",
        said.stdout
    );
    host.ok(&["down", "two-nodes"]);
    host.assert_clean();
}

#[test]
fn a_command_of_the_host_in_a_nodes_network_ends_with_the_topology() {
    let host = Host::new();
    host.ok(&["up", &two_nodes()]);
    assert!(
        host.ok(&[
            "exec", "--net", "server", "--", "ip", "-o", "address", "show", "wire"
        ])
        .contains("10.0.0.2/30")
    );
    assert_eq!(
        host.ok(&["exec", "--net", "server", "--", "ls", "/sys/class/net"]),
        "lo\nwire\n"
    );
    let mut sleep = host.start(&["exec", "--net", "server", "--", "sleep", "1000"]);
    std::thread::sleep(std::time::Duration::from_millis(200));
    host.ok(&["down", "two-nodes"]);
    assert!(!sleep.wait().unwrap().success());
    host.assert_clean();
}

#[test]
fn logs_hold_both_streams_and_can_be_followed() {
    let host = Host::new();
    let pod = "apiVersion: v1\nkind: Pod\nmetadata:\n  name: talker\n  annotations: {pinwire.dev/topology: talk}\nspec:\n  \
               containers: [{name: c, image: localhost/pinwire-node:latest, command: [sh, -c, 'for i in 1 2 3; do echo out $i; echo err $i >&2; sleep 0.2; done']}]\n";
    host.ok(&["up", &host.file("talk.yaml", pod)]);
    let followed = host.ok(&["logs", "--follow", "talker"]);
    assert_eq!(followed, "out 1\nerr 1\nout 2\nerr 2\nout 3\nerr 3\n");
    assert_eq!(host.ok(&["logs", "talker", "--tail", "1"]), "err 3\n");
    assert!(host.ok(&["inspect"]).contains("ended"));
    host.ok(&["down", "talk"]);
    host.assert_clean();
}

#[test]
fn a_container_over_its_memory_limit_is_reported() {
    let host = Host::new();
    let pod = "apiVersion: v1\nkind: Pod\nmetadata:\n  name: eater\n  annotations: {pinwire.dev/topology: eat}\nspec:\n  \
               containers: [{name: c, image: localhost/pinwire-node:latest, command: [sh, -c, 'x=$(head -c 50000000 /dev/zero | tr \"\\\\0\" x); sleep 1000'], resources: {limits: {memory: 16Mi}}}]\n";
    host.ok(&["up", &host.file("eat.yaml", pod)]);
    let killed = (0..100).any(|_| {
        std::thread::sleep(std::time::Duration::from_millis(100));
        host.json(&["inspect", "eat"])["nodes"][0]["containers"][0]["oomKills"]
            .as_u64()
            .is_some_and(|kills| kills > 0)
    });
    assert!(killed, "{}", host.ok(&["inspect", "eat"]));
    host.ok(&["down", "eat"]);
    host.assert_clean();
}

#[test]
fn images_go_out_and_come_in_again() {
    let host = Host::new();
    let archive = host.path("node.tar").display().to_string();
    host.ok(&["up", &two_nodes()]);
    host.ok(&["image", "export", "--to", &archive]);
    let in_use = host.fails(1, &["image", "remove", "localhost/pinwire-node:latest"]);
    assert!(in_use.contains("use"), "{in_use}");
    host.ok(&["down", "two-nodes"]);
    host.ok(&["image", "remove", "localhost/pinwire-node:latest"]);
    assert_eq!(host.json(&["image", "list"]), serde_json::json!([]));
    let imported = host.ok(&["image", "import", &archive]);
    assert!(imported.contains("pinwire-node"), "{imported}");
    assert_eq!(host.json(&["image", "list"]).as_array().unwrap().len(), 1);
    host.ok(&["up", &two_nodes()]);
    host.ok(&["exec", "client", "--", "true"]);
    host.ok(&["down", "two-nodes"]);
    host.assert_clean();
}

#[test]
fn graphs_are_drawn_in_three_notations() {
    let host = Host::new();
    for (format, part) in [("mermaid", "flowchart"), ("dot", "graph"), ("svg", "<svg")] {
        let drawing = host.ok(&["graph", &two_nodes(), "--format", format]);
        for part in [part, "client", "server", "10.0.0.1/30"] {
            assert!(
                drawing.contains(part),
                "{format} has no `{part}`:\n{drawing}"
            );
        }
    }
    let picture = host.path("picture.svg").display().to_string();
    assert_eq!(
        host.ok(&["graph", &two_nodes(), "--format", "svg", "--to", &picture]),
        ""
    );
    assert!(fs::read_to_string(picture).unwrap().contains("</svg>"));
    host.assert_clean();
}

#[test]
fn programs_get_json() {
    let host = Host::new();
    let valid = host.json(&["validate", &two_nodes()]);
    assert_eq!(
        (&valid["valid"], &valid["topology"]),
        (&true.into(), &"two-nodes".into()),
        "{valid}"
    );
    let broken = host.file(
        "broken.yaml",
        "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec: {containers: []}\n",
    );
    let said = host.run(&["validate", &broken, "--output", "json"]);
    let findings: serde_json::Value = serde_json::from_str(&said.stdout).unwrap();
    assert_eq!(
        (said.code, &findings["valid"]),
        (3, &false.into()),
        "{findings}"
    );
    assert!(findings["findings"][0]["line"].is_u64(), "{findings}");
    let timings = host.json(&["up", &two_nodes()])["timings"].clone();
    assert!(
        timings
            .as_array()
            .unwrap()
            .iter()
            .any(|timing| timing["step"] == "create wires"),
        "{timings}"
    );
    let list = host.json(&["list"]);
    assert_eq!(
        (&list[0]["name"], &list[0]["state"], &list[0]["running"]),
        (&"two-nodes".into(), &"up".into(), &2.into()),
        "{list}"
    );
    host.ok(&["down", "--all"]);
    host.assert_clean();
}

#[test]
fn completion_and_manual_pages_are_generated() {
    let host = Host::new();
    for shell in ["bash", "zsh", "fish"] {
        assert!(host.ok(&["completion", shell]).contains("pinwire"));
    }
    let directory = host.path("man");
    host.ok(&["man", &directory.display().to_string()]);
    assert!(
        fs::read_to_string(directory.join("pinwire-up.1"))
            .unwrap()
            .contains("dry")
    );
    assert!(host.ok(&["schema"]).contains("$schema"));
}

/// Calls the CNI plugin, which must succeed, for a container whose namespace is at `netns`.
fn attach(host: &Host, netns: &std::path::Path) {
    let plugin = std::path::Path::new(PINWIRE).with_file_name("pinwire-cni");
    let mut call = Command::new(plugin)
        .env("PINWIRE_CNI_STATE", host.path("state/cni"))
        .env("CNI_COMMAND", "ADD")
        .env("CNI_CONTAINERID", "gone")
        .env("CNI_IFNAME", "eth0")
        .env("CNI_PATH", "/nowhere")
        .env("CNI_NETNS", netns)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .expect("pinwire-cni: `make test` builds it");
    let configuration =
        r#"{"cniVersion":"1.0.0","name":"front","type":"pinwire-cni","ips":["10.9.0.2/24"]}"#;
    let mut input = call.stdin.take().expect("a pipe");
    input.write_all(configuration.as_bytes()).expect("input");
    drop(input);
    assert!(call.wait().expect("pinwire-cni runs").success());
}

#[test]
fn gc_removes_what_was_attached_to_containers_that_are_gone() {
    let host = Host::new();
    let netns = host.path("container");
    let container = Netns::create(&netns).unwrap();
    attach(&host, &netns);
    assert_eq!(host.ok(&["gc"]), "nothing was left behind\n");
    // The runtime hides the namespace, but the container is there.
    let mut inside = container
        .run(|| Command::new("sleep").arg("60").spawn().unwrap())
        .unwrap();
    drop(container);
    Netns::remove(&netns).unwrap();
    assert_eq!(host.ok(&["gc"]), "nothing was left behind\n");
    inside.kill().unwrap();
    inside.wait().unwrap();
    let what = "what is left of interface eth0 of container gone on network front\n";
    assert_eq!(
        host.ok(&["gc", "--dry-run"]),
        format!("would remove {what}")
    );
    let removed = format!("removed {}", what.replace("what is", "what was"));
    assert_eq!(host.ok(&["gc"]), removed);
    assert_eq!(host.ok(&["gc"]), "nothing was left behind\n");
    // The plugin keeps its directories.
    std::fs::remove_dir_all(host.path("state/cni")).unwrap();
    host.assert_clean();
}
