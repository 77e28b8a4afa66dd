//! Chained with Debian's plugins, which speak versions up to 1.0.0: what was before goes on unharmed, what comes after
//! does its work.

use std::process::Command;
use std::time::Duration;

use pinwire_support::inside::run;
use serde_json::{Value, json};

use crate::host::{ANNOTATIONS, Host, Pod, address, host, interfaces, pair, reaches};

/// A plugin that writes down the result it is handed, and hands it on.
fn witness(host: &Host<'_>, name: &str) -> Value {
    let file = host.lab.path(name).display().to_string();
    host.lab.script(
        name,
        &format!(
            "case $CNI_COMMAND in
            VERSION) echo '{{\"cniVersion\": \"1.0.0\", \"supportedVersions\": [\"0.4.0\", \"1.0.0\"]}}' ;;
            ADD) jq .prevResult | tee {file} ;;
            *) cat >/dev/null ;;
            esac"
        ),
    );
    json!({"type": name})
}

fn seen(host: &Host<'_>, name: &str) -> Value {
    let text = std::fs::read_to_string(host.lab.path(name)).unwrap();
    serde_json::from_str(&text).unwrap()
}

/// A primary plugin, with addresses from host-local.
fn primary(kind: &str) -> Value {
    json!({
        "type": kind,
        "ipMasq": true,
        "isGateway": true,
        "dns": {"nameservers": ["10.77.0.1"], "search": ["pods.example"]},
        "ipam": {
            "type": "host-local",
            "ranges": [[{"subnet": "10.77.0.0/16"}]],
            "routes": [{"dst": "0.0.0.0/0"}],
        },
    })
}

/// Plugins that change what a primary plugin made.
fn changing() -> [Value; 4] {
    [
        json!({"type": "tuning", "mac": "02:00:00:00:00:77", "mtu": 1400, "sysctl": {"net.core.somaxconn": "500"}}),
        json!({"type": "portmap", "capabilities": {"portMappings": true}}),
        json!({"type": "firewall"}),
        json!({"type": "bandwidth", "capabilities": {"bandwidth": true}}),
    ]
}

/// Writes the list: the primary plugin, this one between two witnesses, and the others before or after it.
fn network(host: &Host<'_>, kind: &str, first: bool) {
    let ours = [
        witness(host, "before"),
        json!({"type": "pinwire-cni", "capabilities": {ANNOTATIONS: true}}),
        witness(host, "after"),
    ];
    let mut plugins = vec![primary(kind)];
    if first {
        plugins.extend(ours);
        plugins.extend(changing());
    } else {
        plugins.extend(changing());
        plugins.extend(ours);
    }
    host.list("1.0.0", "chain", &Value::from(plugins));
}

/// Gives a pod part of the host's bandwidth only, one way: for the other, the kernel makes links on the real host, too.
fn limited(pod: Pod) -> Pod {
    let limit = json!({"ingressRate": 8_000_000, "ingressBurst": 800_000});
    pod.capability("bandwidth", limit)
}

/// What came out of this plugin is what went in, and the interfaces that it made.
fn assert_unharmed(host: &Host<'_>, made: &[&str]) {
    let (before, mut after) = (seen(host, "before"), seen(host, "after"));
    let count = before["interfaces"].as_array().unwrap().len();
    let all = after["interfaces"].as_array_mut().unwrap();
    let more = all.split_off(count);
    let names: Vec<_> = more.iter().map(|interface| &interface["name"]).collect();
    assert_eq!(names, made);
    assert_eq!(after, before);
}

fn chain(host: &Host<'_>, kind: &str, first: bool) {
    network(host, kind, first);
    let [left, right] = pair();
    let right = right.capability(
        "portMappings",
        json!([{"hostPort": 8080, "containerPort": 80, "protocol": "tcp"}]),
    );
    let plain = Pod::plain("plain");
    let [left, right, plain] = [left, right, plain].map(limited);

    host.add("chain", &plain);
    assert_unharmed(host, &[]);
    host.add("chain", &left);
    assert_unharmed(host, &[]);
    let result = host.add("chain", &right);
    assert_unharmed(host, &["wire"]);
    assert_eq!(interfaces(&result), ["eth0", "wire"]);
    assert_eq!(result["dns"]["search"][0], "pods.example", "{result}");

    reaches(&host.inside(&left), "192.0.2.2");
    reaches(&host.netns(), &address(&result));
    let link = run(&host.inside(&right), "ip link show eth0");
    assert!(
        link.contains("mtu 1400") && link.contains("02:00:00:00:00:77"),
        "{link}"
    );
    assert!(served(host, &right), "{kind} {first}: the port of the host");
    // Not `right`: portmap 1.1.1, of Debian 12, looks for rules of IPv4 with ip6tables, and never finds them.
    for pod in [&plain, &left] {
        host.ok("check", "chain", pod);
    }
    for pod in [&left, &plain, &right] {
        host.delete("chain", pod);
    }
    assert!(!host.run("iptables -t nat -S").contains("--dport 8080"));
    if kind == "bridge" {
        host.run("ip link delete cni0");
    }
}

/// Whether a server at port 80 of a pod is reached by port 8080 of the host.
fn served(host: &Host<'_>, pod: &Pod) -> bool {
    let listen = || {
        Command::new("busybox")
            .args(["nc", "-l", "-p", "80", "-e", "echo", "served"])
            .spawn()
    };
    let mut server = host.inside(pod).run(listen).unwrap().unwrap();
    let mut text = String::new();
    for _ in 0..50 {
        let client = ["nc", "-w", "2", "10.77.0.1", "8080"];
        let output = Command::new("busybox").args(client).output().unwrap();
        text = String::from_utf8_lossy(&output.stdout).into_owned();
        if !text.is_empty() {
            break;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    server.kill().unwrap();
    server.wait().unwrap();
    text == "served\n"
}

#[test]
fn after_ptp_and_before_the_others() {
    host(|host| chain(host, "ptp", true));
}

#[test]
fn after_ptp_and_the_others() {
    host(|host| chain(host, "ptp", false));
}

#[test]
fn after_bridge_and_before_the_others() {
    host(|host| chain(host, "bridge", true));
}

#[test]
fn after_bridge_and_the_others() {
    host(|host| chain(host, "bridge", false));
}
