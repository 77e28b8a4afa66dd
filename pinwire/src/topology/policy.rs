//! Policy routing rules of a node: whether the kernel will take them, and whether they lead to a table with routes.

use std::collections::HashMap;

use ipnet::IpNet;
use pinwire_wiring::annotation::{Protocol, Rule};
use pinwire_wiring::name::InterfaceName;

use super::node::Draft;
use super::routes::{TABLE_LOCAL, TABLE_MAIN, check_interface, check_table};
use crate::manifest::report::Report;
use crate::manifest::tree::Tree;

/// The rules of the kernel's main and default tables follow at 32766 and 32767 (ip-rule(8)).
const PRIORITY_MAX: u32 = 32_765;
/// The default table (`RT_TABLE_DEFAULT`), which exists without routes.
const TABLE_DEFAULT: u32 = 253;

/// Tables that are there without routes of the manifest, or that are refused already.
const BUILT_IN: [u32; 4] = [0, TABLE_DEFAULT, TABLE_MAIN, TABLE_LOCAL];

/// Checks all rules of a node.
pub(super) fn check(draft: &Draft, report: &mut Report) {
    let list = draft.forwarding.value("rules");
    let mut seen: HashMap<String, _> = HashMap::new();
    for (index, rule) in draft.node.forwarding.rules.iter().enumerate() {
        let tree = list.item(index);
        check_table(Some(rule.table), tree, report);
        check_interface(
            draft,
            rule.interface.as_ref().map(InterfaceName::as_str),
            tree,
            report,
        );
        check_selectors(rule, tree, report);
        if rule.priority > PRIORITY_MAX {
            let message = format!(
                "a priority of {} is behind the kernel's own rules",
                rule.priority
            );
            report
                .error(tree.place_of("priority"), message)
                .hint(format!("choose 0 to {PRIORITY_MAX}"));
        }
        if !draft
            .node
            .forwarding
            .routes
            .iter()
            .any(|route| route.table == Some(rule.table))
            && !BUILT_IN.contains(&rule.table)
        {
            let message = format!(
                "the rule leads to the table {}, which has no routes",
                rule.table
            );
            report
                .warning(tree.place_of("table"), message)
                .hint(format!("add `table: {}` to a route", rule.table));
        }
        if let Some(first) = seen.insert(format!("{rule:?}"), tree.place) {
            report
                .error(tree.place, "this rule is given twice")
                .related(first, "the first one");
        }
    }
    check_unused(draft, report);
}

fn check_selectors(rule: &Rule, tree: &Tree, report: &mut Report) {
    for (key, prefix) in [("from", rule.from), ("to", rule.to)] {
        if let Some(prefix) = prefix.filter(|prefix| prefix.trunc() != *prefix) {
            let message = format!("{prefix} has bits set beyond its prefix length");
            report
                .error(tree.place_of(key), message)
                .hint(format!("write {}", prefix.trunc()));
        }
    }
    if let (Some(from), Some(to)) = (rule.from, rule.to)
        && is_ipv6(from) != is_ipv6(to)
    {
        report.error(
            tree.place_of("to"),
            "`from` and `to` of a rule are of one family",
        );
    }
    for (key, port) in [
        ("sourcePort", rule.source_port),
        ("destinationPort", rule.destination_port),
    ] {
        if port.is_some() && !matches!(rule.protocol, Some(Protocol::Tcp | Protocol::Udp)) {
            report
                .error(
                    tree.place_of(key),
                    format!("`{key}` needs a protocol that has ports"),
                )
                .hint("add `protocol: udp` or `tcp`");
        }
        if port == Some(0) {
            report.error(tree.place_of(key), "no packet has the port 0");
        }
    }
}

fn is_ipv6(prefix: IpNet) -> bool {
    prefix.addr().is_ipv6()
}

/// Routes in a table that no rule leads to are never looked at.
fn check_unused(draft: &Draft, report: &mut Report) {
    let forwarding = &draft.node.forwarding;
    let list = draft.forwarding.value("routes");
    let mut seen = Vec::new();
    for (index, route) in forwarding.routes.iter().enumerate() {
        let Some(table) = route.table.filter(|table| !BUILT_IN.contains(table)) else {
            continue;
        };
        if forwarding.rules.iter().all(|rule| rule.table != table) && !seen.contains(&table) {
            seen.push(table);
            let message = format!("no rule leads to the table {table}: its routes are never used");
            report
                .warning(list.item(index).place_of("table"), message)
                .hint(format!("add a rule with `table: {table}`"));
        }
    }
}
