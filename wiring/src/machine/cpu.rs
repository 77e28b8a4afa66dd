//! A list of CPUs as the kernel writes it, `2-3,6` (cpuset(7), "List format"). Pure.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

/// The most CPUs that a kernel can be built for (`NR_CPUS`, arch/x86/Kconfig).
const CPUS_MAX: u32 = 8192;

/// What a list of CPUs looks like, for schemas.
pub(crate) const CPUS_PATTERN: &str = "^[0-9]+(-[0-9]+)?(,[0-9]+(-[0-9]+)?)*$";

/// A list of CPUs, not empty.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Cpus(BTreeSet<u32>);

impl Cpus {
    /// Whether any CPU is in both lists.
    pub(crate) fn meets(&self, other: &Self) -> bool {
        !self.0.is_disjoint(&other.0)
    }

    /// Those of several lists; `None` of none.
    pub(crate) fn union(lists: impl IntoIterator<Item = Self>) -> Option<Self> {
        lists
            .into_iter()
            .reduce(|one, other| Self(&one.0 | &other.0))
    }

    /// Those that are not in another list.
    pub(crate) fn without(&self, other: &Self) -> Option<Self> {
        let rest: BTreeSet<u32> = self.0.difference(&other.0).copied().collect();
        (!rest.is_empty()).then_some(Self(rest))
    }
}

impl FromStr for Cpus {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` is no list of CPUs: write numbers and ranges, 2-3,6");
        let number = |text: &str| {
            let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
            let number = text.parse().ok().filter(|number| *number < CPUS_MAX);
            number.filter(|_| digits).ok_or_else(wrong)
        };
        let mut cpus = BTreeSet::new();
        for part in text.trim().split(',') {
            let (first, last) = part.split_once('-').unwrap_or((part, part));
            let (first, last): (u32, u32) = (number(first)?, number(last)?);
            if first > last {
                return Err(wrong());
            }
            cpus.extend(first..=last);
        }
        Ok(Self(cpus))
    }
}

impl fmt::Display for Cpus {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut ranges: Vec<(u32, u32)> = Vec::new();
        for cpu in &self.0 {
            match ranges.last_mut() {
                Some((_, last)) if *last + 1 == *cpu => *last = *cpu,
                _ => ranges.push((*cpu, *cpu)),
            }
        }
        let ranges = ranges.into_iter().map(|(first, last)| match first == last {
            true => first.to_string(),
            false => format!("{first}-{last}"),
        });
        formatter.write_str(&ranges.collect::<Vec<_>>().join(","))
    }
}

crate::name::string_serde!(Cpus, CPUS_PATTERN);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_read_and_written() {
        let cases = [
            ("0", Some("0")),
            ("2-3", Some("2-3")),
            ("6,2-3,4\n", Some("2-4,6")),
            ("1,1,1-1", Some("1")),
            ("", None),
            ("3-2", None),
            ("1-", None),
            ("+1", None),
            ("1 2", None),
            ("0-8192", None),
            ("0-4294967295", None),
            ("all", None),
        ];
        for (text, expected) in cases {
            let read = text.parse().map(|cpus: Cpus| cpus.to_string()).ok();
            assert_eq!(read.as_deref(), expected, "{text:?}");
        }
    }

    #[test]
    fn lists_are_put_together() {
        let cpus = |text: &str| text.parse::<Cpus>().unwrap();
        let all = Cpus::union(["0-1", "4", "1-2"].map(cpus));
        assert_eq!(all.map(|all| all.to_string()).as_deref(), Some("0-2,4"));
        assert_eq!(Cpus::union([]), None);
        assert!(cpus("0-2").meets(&cpus("2,4")));
        assert!(!cpus("0-1").meets(&cpus("2,4")));
    }

    #[test]
    fn what_is_not_online_is_named() {
        let cpus = |text: &str| text.parse::<Cpus>().unwrap();
        let rest = cpus("1-4").without(&cpus("0-2"));
        assert_eq!(rest.map(|rest| rest.to_string()).as_deref(), Some("3-4"));
        assert_eq!(cpus("1").without(&cpus("0-1")), None);
    }
}
