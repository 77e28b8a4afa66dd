//! What is wrong with a node's policy routing rules: whether the kernel takes them, and whether they lead to a table with routes.

use std::collections::HashMap;

use super::Node;
use super::finding::{Findings, Place};
use super::forwarding::check_interface;
use super::route::{TABLE_LOCAL, TABLE_MAIN, check_table};
use crate::annotation::{FORWARDING, Protocol, Rule};

/// The rules of the kernel's main and default tables follow at 32766 and 32767 (ip-rule(8)).
const PRIORITY_MAX: u32 = 32_765;
/// The default table (`RT_TABLE_DEFAULT`), which exists without routes.
const TABLE_DEFAULT: u32 = 253;

/// Tables that are there without routes of the manifest, or that are refused already.
const BUILT_IN: [u32; 4] = [0, TABLE_DEFAULT, TABLE_MAIN, TABLE_LOCAL];

pub(super) fn check(node: Node<'_>, findings: &mut Findings) {
    let list = node.place(FORWARDING).key("rules");
    let mut seen = HashMap::new();
    for (index, rule) in node.forwarding.rules.iter().enumerate() {
        let place = list.clone().item(index);
        check_table(Some(rule.table), &place, findings);
        if let Some(name) = &rule.interface {
            let named = place.clone().key("interface");
            check_interface(node, name.as_str(), named, findings);
        }
        check_prefixes(rule, &place, findings);
        check_ports(rule, &place, findings);
        check_order(node, rule, &place, findings);
        let message = || "this rule is given twice".to_owned();
        findings.twice(&mut seen, rule, place, message);
    }
    check_unused(node, findings);
}

fn check_order(node: Node<'_>, rule: &Rule, place: &Place, findings: &mut Findings) {
    let (priority, table) = (rule.priority, rule.table);
    if priority > PRIORITY_MAX {
        findings
            .error(
                place.clone().key("priority"),
                format!("a priority of {priority} is behind the kernel's own rules"),
            )
            .hint(format!("choose 0 to {PRIORITY_MAX}"));
    }
    let mut routes = node.forwarding.routes.iter();
    if !BUILT_IN.contains(&table) && routes.all(|route| route.table != Some(table)) {
        findings
            .warning(
                place.clone().key("table"),
                format!("the rule leads to the table {table}, which has no routes"),
            )
            .hint(format!("add `table: {table}` to a route"));
    }
}

fn check_prefixes(rule: &Rule, place: &Place, findings: &mut Findings) {
    for (key, prefix) in [("from", rule.from), ("to", rule.to)] {
        if let Some(prefix) = prefix.filter(|prefix| prefix.trunc() != *prefix) {
            findings
                .error(
                    place.clone().key(key),
                    format!("{prefix} has bits set beyond its prefix length"),
                )
                .hint(format!("write {}", prefix.trunc()));
        }
    }
    if let (Some(from), Some(to)) = (rule.from, rule.to)
        && from.addr().is_ipv6() != to.addr().is_ipv6()
    {
        findings.error(
            place.clone().key("to"),
            "`from` and `to` of a rule are of one family",
        );
    }
}

fn check_ports(rule: &Rule, place: &Place, findings: &mut Findings) {
    for (key, port) in [
        ("sourcePort", rule.source_port),
        ("destinationPort", rule.destination_port),
    ] {
        let place = place.clone().key(key);
        if port.is_some() && !matches!(rule.protocol, Some(Protocol::Tcp | Protocol::Udp)) {
            findings
                .error(
                    place.clone(),
                    format!("`{key}` needs a protocol that has ports"),
                )
                .hint("add `protocol: udp` or `tcp`");
        }
        if port == Some(0) {
            findings.error(place, "no packet has the port 0");
        }
    }
}

/// Routes in a table that no rule leads to are never looked at.
fn check_unused(node: Node<'_>, findings: &mut Findings) {
    let mut seen = Vec::new();
    for (index, route) in node.forwarding.routes.iter().enumerate() {
        let Some(table) = route.table.filter(|table| !BUILT_IN.contains(table)) else {
            continue;
        };
        let mut rules = node.forwarding.rules.iter();
        if rules.all(|rule| rule.table != table) && !seen.contains(&table) {
            seen.push(table);
            let place = node.place(FORWARDING).key("routes").item(index);
            findings
                .warning(
                    place.key("table"),
                    format!("no rule leads to the table {table}: its routes are never used"),
                )
                .hint(format!("add a rule with `table: {table}`"));
        }
    }
}
