//! What is asked for against what a driver has: the numbers and features to set, and what it lacks. Pure.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::TuningError;
use crate::annotation::tuning::{Number, Tuning};
use crate::kernel::ethtool::{Features, Numbers};

/// Numbers and features of an interface: what it was, or what it is to be.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Tuned {
    /// Channels, rings and coalescing.
    #[serde(default)]
    pub numbers: BTreeMap<Number, u32>,
    /// The kernel's features that can be changed, and whether each is asked for.
    #[serde(default)]
    pub features: BTreeMap<String, bool>,
}

/// What an interface has.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Reading {
    pub(crate) numbers: Numbers,
    pub(crate) features: Features,
}

/// One thing that is not what it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mismatch {
    /// Its key in `tuning`.
    pub key: String,
    /// What it should be.
    pub wanted: String,
    /// What it is.
    pub found: String,
}

impl Reading {
    /// All that can be restored.
    pub(crate) fn record(&self) -> Tuned {
        let numbers = self.numbers.iter();
        let features = self.features.iter();
        Tuned {
            numbers: numbers
                .map(|(number, (value, _))| (*number, *value))
                .collect(),
            features: features
                .filter(|(_, feature)| feature.changeable)
                .map(|(name, feature)| (name.clone(), feature.wanted))
                .collect(),
        }
    }

    /// What of this interface a tuning means, and the keys that its driver does not support.
    ///
    /// # Errors
    /// [`TuningError::TooMuch`], [`TuningError::UnknownOffload`].
    pub(crate) fn resolve(
        &self,
        tuning: &Tuning,
        interface: &str,
    ) -> Result<(Tuned, Vec<String>), TuningError> {
        let (mut tuned, mut unsupported) = (Tuned::default(), Vec::new());
        for (number, wanted) in tuning.numbers() {
            match self.numbers.get(&number) {
                None => unsupported.push(number.to_string()),
                Some((_, Some(maximum))) if wanted > *maximum => {
                    return Err(TuningError::TooMuch {
                        number,
                        wanted,
                        maximum: *maximum,
                        interface: interface.to_owned(),
                    });
                }
                Some(_) => {
                    tuned.numbers.insert(number, wanted);
                }
            }
        }
        for (offload, on) in &tuning.offloads {
            let names = offload.of(self.features.keys());
            if names.is_empty() {
                return Err(TuningError::UnknownOffload {
                    offload: offload.to_string(),
                    interface: interface.to_owned(),
                });
            }
            let of = |name: &String| self.features.get(name).copied().unwrap_or_default();
            let changeable = names.iter().filter(|name| of(name).changeable);
            let before = tuned.features.len();
            tuned
                .features
                .extend(changeable.map(|name| ((*name).clone(), *on)));
            // What is as it should be and stays so needs no support.
            let fixed = before == tuned.features.len();
            if fixed && names.iter().any(|name| of(name).active != *on) {
                unsupported.push(format!("offloads.{offload}"));
            }
        }
        Ok((tuned, unsupported))
    }
}

impl Tuned {
    /// Whether there is nothing to set.
    pub(crate) fn is_empty(&self) -> bool {
        self.numbers.is_empty() && self.features.is_empty()
    }

    /// What an interface would have to be told to be this. What it does not have any more is passed over.
    pub(crate) fn changes(&self, now: &Reading) -> Self {
        let numbers = self.numbers.iter().filter(|(number, value)| {
            let found = now.numbers.get(number);
            found.is_some_and(|(found, _)| found != *value)
        });
        let features = self.features.iter().filter(|(name, on)| {
            let found = now.features.get(*name);
            found.is_some_and(|found| found.changeable && found.wanted != **on)
        });
        Self {
            numbers: numbers.map(|(number, value)| (*number, *value)).collect(),
            features: features.map(|(name, on)| (name.clone(), *on)).collect(),
        }
    }

    /// The first thing that an interface has otherwise.
    pub(crate) fn mismatch(&self, now: &Reading) -> Option<Mismatch> {
        let numbers = self.numbers.iter().filter_map(|(number, wanted)| {
            let found = now.numbers.get(number).map(|(found, _)| *found);
            (found != Some(*wanted)).then(|| Mismatch {
                key: number.to_string(),
                wanted: number.show(*wanted),
                found: found.map_or_else(|| "none".to_owned(), |found| number.show(found)),
            })
        });
        let features = self.features.iter().filter_map(|(name, wanted)| {
            let found = now.features.get(name).is_some_and(|found| found.active);
            let show = |on| if on { "on" } else { "off" }.to_owned();
            (found != *wanted).then(|| Mismatch {
                key: format!("offloads.{name}"),
                wanted: show(*wanted),
                found: show(found),
            })
        });
        numbers.chain(features).next()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::ethtool::Feature;

    /// An interface with rings of 256 of 4096 descriptors, fixed moderation, and some features.
    fn reading() -> Reading {
        let feature = |changeable, on| Feature {
            changeable,
            wanted: changeable && on,
            active: on,
        };
        let features = [
            ("rx-gro", feature(true, true)),
            ("rx-lro", feature(false, false)),
            ("highdma", feature(false, true)),
            ("tx-tcp-segmentation", feature(true, true)),
            ("tx-tcp6-segmentation", feature(true, false)),
        ];
        Reading {
            numbers: Numbers::from([
                (Number::RingsRx, (256, Some(4096))),
                (Number::RxUsecs, (3, None)),
            ]),
            features: features.map(|(name, one)| (name.to_owned(), one)).into(),
        }
    }

    fn resolve(text: &str) -> Result<(Tuned, Vec<String>), String> {
        let tuning: Tuning = serde_json::from_str(text).unwrap();
        reading()
            .resolve(&tuning, "eth0")
            .map_err(|error| error.to_string())
    }

    /// The keys that are not supported, or the error.
    type Expected = Result<&'static [&'static str], &'static str>;

    #[test]
    fn what_a_driver_lacks_is_named() {
        let cases: [(&str, &str, Expected); 7] = [
            (
                "supported",
                r#"{"rings": {"rx": 4096}, "offloads": {"gro": false}}"#,
                Ok(&[]),
            ),
            (
                "a number",
                r#"{"rings": {"tx": 512, "rx": 80}}"#,
                Ok(&["rings.tx"]),
            ),
            (
                "switches",
                r#"{"coalescing": {"adaptiveRx": true}}"#,
                Ok(&["coalescing.adaptiveRx"]),
            ),
            (
                "an offload",
                r#"{"offloads": {"lro": true}}"#,
                Ok(&["offloads.lro"]),
            ),
            (
                "fixed as asked",
                r#"{"offloads": {"lro": false, "highdma": true}}"#,
                Ok(&[]),
            ),
            (
                "too much",
                r#"{"rings": {"rx": 4097}}"#,
                Err("`eth0` cannot have 4097 as `tuning.rings.rx`: its driver has 4096 at most"),
            ),
            (
                "unknown",
                r#"{"offloads": {"rx-nothing": true}}"#,
                Err("this kernel knows no offload `rx-nothing`: `ethtool -k eth0` lists them"),
            ),
        ];
        for (name, text, expected) in cases {
            let found = resolve(text).map(|(_, unsupported)| unsupported);
            let expected = expected
                .map(|list| list.iter().map(|key| (*key).to_owned()).collect())
                .map_err(str::to_owned);
            assert_eq!(found, expected, "{name}");
        }
    }

    #[test]
    fn changes_lead_there_and_back() {
        let (wanted, _) = resolve(
            r#"{"rings": {"rx": 512}, "coalescing": {"rxUsecs": 3}, "offloads": {"tso": false}}"#,
        )
        .unwrap();
        let before = reading();
        let changes = wanted.changes(&before);
        assert_eq!(changes.numbers, [(Number::RingsRx, 512)].into());
        // The other one is off already.
        let features = [("tx-tcp-segmentation".to_owned(), false)];
        assert_eq!(changes.features, features.into());
        let mut after = before.clone();
        after.numbers.insert(Number::RingsRx, (512, Some(4096)));
        let feature = after.features.get_mut("tx-tcp-segmentation").unwrap();
        (feature.wanted, feature.active) = (false, false);
        assert_eq!(wanted.mismatch(&after), None);
        let back = before.record().changes(&after);
        assert_eq!(back.numbers, [(Number::RingsRx, 256)].into());
        assert_eq!(
            back.features,
            [("tx-tcp-segmentation".to_owned(), true)].into()
        );
        assert!(before.record().changes(&before).is_empty());
    }

    #[test]
    fn what_differs_is_named() {
        let (wanted, _) = resolve(r#"{"rings": {"rx": 512}, "offloads": {"gro": false}}"#).unwrap();
        let mismatch = wanted.mismatch(&reading()).unwrap();
        let expected = ["rings.rx", "512", "256"];
        assert_eq!([mismatch.key, mismatch.wanted, mismatch.found], expected);
    }
}
