//! The log of `logFile: journald`, as journald would get it: systemd's native journal protocol, in which an entry is a
//! datagram of lines `FIELD=value`.

use std::collections::BTreeMap;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::time::Duration;

use pinwire_support::call::Call;
use serde_json::{Value, json};

use crate::call::cni;
use crate::lab::{Lab, lab};

const SOCKET: &str = "/run/systemd/journal/socket";

/// Stands in for journald, in the lab's own `/run`.
fn journald(lab: &Lab<'_>) -> UnixDatagram {
    lab.hide("/run");
    std::fs::create_dir_all(Path::new(SOCKET).parent().unwrap()).unwrap();
    let socket = UnixDatagram::bind(SOCKET).unwrap();
    let timeout = Duration::from_millis(100);
    socket.set_read_timeout(Some(timeout)).unwrap();
    socket
}

/// The entries that have arrived, each with its fields.
fn entries(journald: &UnixDatagram) -> Vec<BTreeMap<String, String>> {
    let mut buffer = vec![0; 1 << 16];
    let mut entries = Vec::new();
    while let Ok(length) = journald.recv(&mut buffer) {
        let text = std::str::from_utf8(&buffer[..length]).unwrap();
        assert!(text.ends_with('\n'), "the last line is not ended: {text:?}");
        let fields = text.lines().map(|line| {
            // A line without `=` starts a field of binary form: a message of two lines would look like one.
            let (name, value) = line.split_once('=').unwrap();
            (name.to_owned(), value.to_owned())
        });
        entries.push(fields.collect());
    }
    entries
}

fn call(lab: &Lab<'_>, verb: &str, level: &str) -> Call {
    let configuration: Value = json!({
        "cniVersion": "1.0.0", "name": "net", "logFile": "journald", "logLevel": level,
    });
    cni(lab, verb, "c", &configuration)
}

#[test]
fn each_event_is_an_entry() {
    lab(|lab| {
        lab.netns("c");
        let journald = journald(lab);
        call(lab, "ADD", "info").ok();
        call(lab, "ADD", "info").fails(100);
        call(lab, "DEL", "info").ok();
        let entries = entries(&journald);
        for entry in &entries {
            let fields: Vec<&str> = entry.keys().map(String::as_str).collect();
            assert_eq!(fields, ["MESSAGE", "PRIORITY", "SYSLOG_IDENTIFIER"]);
            assert_eq!(entry["SYSLOG_IDENTIFIER"], "pinwire-cni");
        }
        // Priorities of syslog(3): 6 is information, 3 an error.
        for (priority, part) in [
            ("6", "verb=ADD"),
            ("3", "exists already"),
            ("6", "verb=DEL"),
        ] {
            let is = |entry: &&BTreeMap<String, String>| {
                entry["PRIORITY"] == priority && entry["MESSAGE"].contains(part)
            };
            assert!(
                entries.iter().any(|entry| is(&entry)),
                "{part}: {entries:?}"
            );
        }
    });
}

#[test]
fn the_level_says_how_much() {
    lab(|lab| {
        lab.netns("c");
        let journald = journald(lab);
        call(lab, "ADD", "error").ok();
        assert_eq!(entries(&journald), []);
        call(lab, "ADD", "error").fails(100);
        assert_eq!(entries(&journald).len(), 1);
        call(lab, "DEL", "debug").ok();
        let debug = |entry: &BTreeMap<String, String>| entry["PRIORITY"] == "7";
        assert!(entries(&journald).iter().any(debug));
    });
}

#[test]
fn a_journal_that_is_not_there_keeps_no_container_from_starting() {
    lab(|lab| {
        lab.netns("c");
        drop(journald(lab));
        call(lab, "ADD", "info").ok();
        std::fs::remove_file(SOCKET).unwrap();
        call(lab, "DEL", "info").ok();
    });
}
